"""What a run does: it measures and compiles before trials run."""

from enum import StrEnum


class Phase(StrEnum):
    """The phases of a run; the value is what the user is shown."""

    measuring = "measuring the generator"
    compiling = "compiling"
    running = "running"
