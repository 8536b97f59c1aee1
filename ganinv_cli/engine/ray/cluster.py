"""The workers of a Ray cluster: each with a batch of its own, fed from here."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from ganinv_cli.engine.devices import Device
from ganinv_cli.engine.engine import Done, Found, Handed, Item, Recipe, Task
from ganinv_cli.engine.ray import resources, worker
from ganinv_cli.engine.ray.connect import connected
from ganinv_cli.engine.ray.map import Asking
from ganinv_cli.engine.ray.scheduler import Ledger
from ganinv_cli.engine.ray.workers import WAIT_SECONDS, Crew, Lost
from ganinv_cli.errors import GaninvError
from ganinv_cli.jobs import Jobs
from ganinv_cli.network.generator import Generator
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.machine import Machine

CALLS = 2  # portions that a worker has to itself, so that it need not wait for the next
LAST_SECONDS = 2.0  # that an interruption waits for what is about to come


@contextmanager
def cluster(config: Config, recipe: Recipe, say: Callable[[str], None]) -> Iterator["Cluster"]:
    """The workers that a config asks for, the first of them ready; they end with the context.

    `say` is called with what the user should know. Raises UsageError where the cluster cannot be
    reached or has not what a worker asks for.
    """
    with connected(config.address, recipe) as ray:
        asked = resources.share(
            ray.nodes(), config.device, config.cpus_per_worker, config.gpus_per_worker
        )
        greeting = config.precision, config.solver
        crew = Crew(ray, recipe, asked, config.workers, greeting, say)
        try:
            yield Cluster(ray, crew, recipe, config.rows)
        finally:
            crew.dismiss()


class Cluster:
    """An engine; deals the jobs of a run to a crew."""

    immediate = False

    def __init__(self, ray: Any, crew: Crew, recipe: Recipe, rows: int) -> None:
        """`rows` of a batch, as a first guess."""
        self._ray, self._crew, self._rows = ray, crew, rows
        with Device("cpu", 0).scope():
            self.generator = recipe.made()
        hello = crew.first()
        workers = f"{crew.expected} worker{'s' if crew.expected > 1 else ''}"
        self.machine = Machine(f"Ray, {workers}: {hello.machine.device}", hello.machine.precision)

    def run(self, task: Task, jobs: Jobs) -> Handed:
        """See `Engine`."""
        ledger = Ledger(jobs, self._rows, self._crew.expected)
        shared = self._ray.put(task)
        handed: deque[Done] = deque()
        try:
            while handed or not ledger.over:
                while handed:
                    yield handed.popleft()
                self._fill(ledger, shared)
                handed += self._heard(ledger, WAIT_SECONDS)
        except KeyboardInterrupt:
            end = time.monotonic() + LAST_SECONDS
            with suppress(GaninvError):  # the cluster may have been interrupted too
                while (left := end - time.monotonic()) > 0 and not ledger.over:
                    handed += self._heard(ledger, left)
            yield from handed
            raise
        finally:
            self._crew.forget()

    def each(
        self, asked: Callable[[Generator, Item], Found], items: Iterable[Item]
    ) -> Iterator[Found]:
        """See `Engine`."""
        asking = Asking(enumerate(items))
        try:
            while not asking.over:
                for number in self._crew.ready:
                    while self._crew.calls(number) < CALLS and (asked_next := asking.next(number)):
                        self._crew.call(number, "ask", asked, asked_next.item)
                number, answer = self._crew.answer()
                if isinstance(answer, Lost):
                    asking.lost(number, answer.why)
                if isinstance(answer, worker.Found):
                    asking.found(number, answer.value)
                yield from asking.ordered()
        finally:
            self._crew.forget()

    def _fill(self, ledger: Ledger, task: Any) -> None:
        """Give each worker its portions, but for one that has nothing to do."""
        for number in self._crew.ready:
            self._crew.begin(number, task)
            while self._crew.calls(number) < CALLS:
                if not ledger.held(number) and not ledger.waiting:
                    break
                self._crew.call(number, "work", *ledger.deal(number))

    def _heard(self, ledger: Ledger, seconds: float) -> list[Done]:
        """What the next answer hands over."""
        number, answer = self._crew.answer(seconds)
        if isinstance(answer, Lost):
            ledger.lost(number, answer.why)
        if not isinstance(answer, list):
            return []
        for done in answer:
            ledger.handed(number, done.jobs, done.batch)
        workers = len(self._crew.ready)
        shares = [done.tally._replace(seconds=done.tally.seconds / workers) for done in answer]
        whole = [done._replace(tally=share) for done, share in zip(answer, shares, strict=True)]
        return [done for done in whole if done.jobs or any(done.tally)]
