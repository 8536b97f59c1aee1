"""How each phase disturbs a command, drawn from the seed of a case."""

import itertools
import math
import signal
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from .runner import Disturbance
from .workloads import Workload

MAX_DELAY = 0.02  # seconds between a file operation and a signal that follows it
CLOSED = ((0,), (1,), (2,), (0, 1, 2))  # standard streams that are closed
KILL, FULL_DISK, STREAMS = "kill -9", "full disk", "closed streams"


@dataclass(frozen=True)
class Undisturbed:
    """What a command does if nothing disturbs it."""

    operations: int  # that change files
    seconds: float  # of processor time
    size: int  # bytes of all files that it leaves, and of those that it reads


@dataclass(frozen=True)
class Plan:
    """What is done to one case; then the command runs again without any of it."""

    disturbances: tuple[Disturbance, ...]  # of one call after the other
    allowed: frozenset[int]  # exit statuses
    free_bytes: int = 0  # of the disk that is full soon; 0: it is a disk of this machine
    torn: float = 0.0  # the share of a log that is appended to it, as a write that was cut off
    runs_again: bool = True

    @property
    def is_kill(self) -> bool:
        """Whether a process was killed, and could not remove its temporary files."""
        return any(each.signal == signal.SIGKILL for each in self.disturbances)

    def describe(self) -> str:
        """Return what is done, in short."""
        parts = [_describe(each) for each in self.disturbances]
        parts += [f"{self.free_bytes:,} bytes are free"] if self.free_bytes else []
        return ", ".join(filter(None, [*parts, "a torn block" if self.torn else ""]))


@dataclass(frozen=True)
class Case:
    """One disturbed command, which its seed and number determine."""

    phase: str
    workload: Workload
    seed: int
    number: int

    @property
    def name(self) -> str:
        phase = "-".join(self.phase.replace(" -", "-").split())
        return f"{phase}-{self.workload.name}-{self.seed}-{self.number}"

    def draw_plan(self, usual: Undisturbed) -> Plan:
        """Return what is done to the command."""
        return PHASES[self.phase](Random(self.name), usual, self.number)


def list_cases(workloads: list[Workload], counts: dict[str, int], seed: int) -> list[Case]:
    """Return so many cases of each phase; workloads take turns, those with results two each."""
    turns = [each for each in workloads for _ in range(2 if each.results else 1)]
    return [
        Case(phase, workload, seed, number)
        for phase, count in counts.items()
        for number, workload in enumerate(itertools.islice(itertools.cycle(turns), count))
    ]


def _draw_kills(random: Random, usual: Undisturbed, number: int) -> Plan:
    count = random.choice((1, 1, 2, 3))
    kills = tuple(_draw_signal(random, usual, signal.SIGKILL) for _ in range(count))
    torn = random.choice((0.0, random.random()))
    return Plan(kills, frozenset({0, -signal.SIGKILL}), torn=torn)


def _make_draw_signals(signal_number: int) -> "Draw":
    def draw(random: Random, usual: Undisturbed, number: int) -> Plan:
        disturbance = _draw_signal(random, usual, signal_number)
        at_edge = disturbance.operation in (0, 1, usual.operations)
        # Before it handles signals, and after its end, the signal ends it as any other process.
        return Plan((disturbance,), frozenset({0, 130, *([-signal_number] if at_edge else [])}))

    return draw


def _draw_full_disk(random: Random, usual: Undisturbed, number: int) -> Plan:
    free = max(1, int(random.random() * random.choice((1, 2)) * usual.size))
    return Plan((Disturbance(),), frozenset({0, 1}), free_bytes=free)


def _draw_streams(random: Random, usual: Undisturbed, number: int) -> Plan:
    closed = CLOSED[number % len(CLOSED)]
    return Plan((Disturbance(closed=closed),), frozenset({0}), runs_again=False)


def _draw_signal(random: Random, usual: Undisturbed, number: int) -> Disturbance:
    """Return a signal before or after a file operation, or at any time."""
    if random.random() < 0.3:
        return Disturbance(number, seconds=random.uniform(0, usual.seconds))
    operation = random.randint(1, max(1, usual.operations))
    delay = math.inf if random.random() < 0.5 else random.uniform(0, MAX_DELAY)
    return Disturbance(number, operation, delay)


Draw = Callable[[Random, Undisturbed, int], Plan]
PHASES: dict[str, Draw] = {  # row of the table -> its plans
    KILL: _draw_kills,
    FULL_DISK: _draw_full_disk,
    "SIGINT": _make_draw_signals(signal.SIGINT),
    "SIGTERM": _make_draw_signals(signal.SIGTERM),
    "SIGHUP": _make_draw_signals(signal.SIGHUP),
    STREAMS: _draw_streams,
}


def _describe(disturbance: Disturbance) -> str:
    if disturbance.closed:
        return "closed " + ", ".join(map(str, disturbance.closed))
    if not disturbance.signal:
        return ""
    moment = f"after {disturbance.seconds:.3f} s"
    if disturbance.operation:
        delay = "" if math.isinf(disturbance.seconds) else f" and {disturbance.seconds:.3f} s"
        moment = f"at operation {disturbance.operation}{delay}"
    return f"{signal.Signals(disturbance.signal).name} {moment}"
