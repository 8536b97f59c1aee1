"""How each phase disturbs a command, drawn from the seed of a case."""

import math
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from .processes import Disturbance
from .workloads import Workload

MIN_FILE = 2000  # bytes: messages on stderr fit into such a file
MAX_DELAY = 0.02  # seconds between a file operation and a signal that follows it
STREAMS = (  # stdin, stdout, stderr: as _open_stream of processes calls them
    *(("closed", "file", "file"), ("null", "closed", "file"), ("null", "file", "closed")),
    *(("closed", "closed", "closed"), ("null", "full", "file"), ("null", "file", "full")),
    *(("null", "full", "full"), ("null", "broken", "file"), ("null", "file", "broken")),
)
FULL_DISK = "full disk"
_MODES = (0o000, 0o444, 0o555, 0o200, 0o300)


@dataclass(frozen=True)
class Undisturbed:
    """What a command does if nothing disturbs it."""

    operations: int  # that change files
    seconds: float
    file_sizes: tuple[int, ...]  # bytes of each file that it leaves, and of those that it reads
    prints: bool  # whether anything is on stdout


@dataclass(frozen=True)
class Plan:
    """What is done to one case; then the command runs again without any of it."""

    disturbances: tuple[Disturbance, ...]  # of one call after the other
    allowed: frozenset[int]  # exit statuses
    free_bytes: int = 0  # of the disk that is full soon; 0: it is a disk of this machine
    path: float = -1.0  # which file or folder loses its rights before the last call, from 0 to 1
    mode: int = 0  # what remains of them
    has_sentence: bool = True  # whether a failure must be explained on stderr
    runs_again: bool = True

    def describe(self) -> str:
        """Return what is done, in short."""
        parts = [_describe(each) for each in self.disturbances]
        parts += [f"{self.free_bytes} bytes are free"] if self.free_bytes else []
        return ", ".join([*parts, *([f"mode {self.mode:03o}"] if self.path >= 0 else [])])


def _describe(disturbance: Disturbance) -> str:
    parts = []
    if disturbance.signal:
        moment = f"after {disturbance.seconds:.3f} s"
        if disturbance.operation:
            delay = "" if math.isinf(disturbance.seconds) else f" and {disturbance.seconds:.3f} s"
            moment = f"at operation {disturbance.operation}{delay}"
        parts.append(f"{signal.Signals(disturbance.signal).name} {moment}")
    if disturbance.file_bytes:
        parts.append(f"files of at most {disturbance.file_bytes} bytes")
    if disturbance.streams != Disturbance.streams:
        parts.append("streams " + "/".join(disturbance.streams))
    return ", ".join(parts) or "nothing"


def draw_signal(random: Random, usual: Undisturbed, number: int) -> Disturbance:
    """Return a signal before or after a file operation, or at any time."""
    if random.random() < 0.3:
        return Disturbance(number, 1, random.uniform(0, usual.seconds))
    operation = random.randint(1, max(1, usual.operations))
    delay = math.inf if random.random() < 0.5 else random.uniform(0, MAX_DELAY)
    return Disturbance(number, operation, delay)


def _draw_kills(random: Random, usual: Undisturbed, turn: int) -> Plan:
    count = random.choice((1, 1, 2, 3))
    kills = tuple(draw_signal(random, usual, signal.SIGKILL) for _ in range(count))
    return Plan(kills, frozenset({0, -signal.SIGKILL}))


def _make_draw_signals(number: int) -> "Draw":
    def draw(random: Random, usual: Undisturbed, turn: int) -> Plan:
        disturbance = draw_signal(random, usual, number)
        at_edge = disturbance.operation in (0, 1, usual.operations)
        # Before it handles signals, and after its end, the signal ends it as any other process.
        return Plan((disturbance,), frozenset({0, 130, *([-number] if at_edge else [])}))

    return draw


def _draw_full_disk(random: Random, usual: Undisturbed, turn: int) -> Plan:
    share = random.choice((random.random(), random.random() * 2))
    free = max(1, int(share * sum(usual.file_sizes)))
    return Plan((Disturbance(),), frozenset({0, 1}), free_bytes=free)


def _draw_file_size(random: Random, usual: Undisturbed, turn: int) -> Plan:
    size = max(MIN_FILE, random.choice(usual.file_sizes or (0,)) - random.choice((1, 100, 2000)))
    return Plan((Disturbance(file_bytes=size),), frozenset({0, 1}))


def _draw_streams(random: Random, usual: Undisturbed, turn: int) -> Plan:
    streams = STREAMS[turn % len(STREAMS)]
    fails = streams[1] in ("full", "broken") and usual.prints
    return Plan(
        (Disturbance(streams=streams),),
        frozenset({1 if fails else 0}),
        has_sentence="file" in streams[2] and streams[1] != "broken",
        runs_again=False,
    )


def _draw_rights(random: Random, usual: Undisturbed, turn: int) -> Plan:
    calls = [Disturbance(without_rights=True)]
    if random.random() < 0.5:
        calls.insert(0, draw_signal(random, usual, signal.SIGKILL))
    allowed = frozenset({0, 1, 2, -signal.SIGKILL})
    return Plan(tuple(calls), allowed, path=random.random(), mode=random.choice(_MODES))


Draw = Callable[[Random, Undisturbed, int], Plan]
PHASES: dict[str, tuple[Draw, int]] = {  # row of the table -> its plans, and cases per 40 kills
    "kill -9": (_draw_kills, 40),
    "SIGINT": (_make_draw_signals(signal.SIGINT), 12),
    "SIGTERM": (_make_draw_signals(signal.SIGTERM), 12),
    "SIGHUP": (_make_draw_signals(signal.SIGHUP), 12),
    FULL_DISK: (_draw_full_disk, 36),
    "limit of file sizes": (_draw_file_size, 24),
    "closed and full streams": (_draw_streams, 12 * len(STREAMS)),
    "user without rights": (_draw_rights, 36),
}


@dataclass(frozen=True)
class PhaseCase:
    """One disturbed command, which its seed and number determine."""

    phase: str
    workload: Workload
    seed: int
    number: int
    turn: int  # of this workload in this phase

    @property
    def name(self) -> str:
        phase = "-".join(self.phase.replace(" -", "-").split())
        return f"{phase}-{self.workload.name}-{self.seed}-{self.turn}"

    def draw_plan(self, usual: Undisturbed) -> Plan:
        """Return what is done to the command."""
        return PHASES[self.phase][0](Random(self.name), usual, self.turn + self.number)


def list_phase_cases(workloads: list[Workload], kills: int, seed: int) -> list[PhaseCase]:
    """Return the cases of all phases; the workloads take turns."""
    cases = []
    for phase, (_, share) in PHASES.items():
        for number in range(math.ceil(share * kills / 40)):
            turn, place = divmod(number, len(workloads))
            cases.append(PhaseCase(phase, workloads[place], seed, number, turn))
    return cases


def list_paths(place: Path) -> list[Path]:
    """Return the files and folders of a case that can lose their rights."""
    return [place / "work", *sorted(place.rglob("*"))]
