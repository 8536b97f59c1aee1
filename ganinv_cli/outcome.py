"""How a trial ended, and what a run does before."""

from enum import IntEnum, StrEnum

THRESHOLD = 1e-4  # z is recovered if ‖z_found − z_true‖² / latent is below this; in the paper, too


class Outcome(IntEnum):
    """How a trial ended, stored as its number; known without the true z.

    Statistics decide whether z is right.
    """

    # the image loss is 0 up to rounding, or stopped falling below the residual, and z is inside
    # the bounds if the rule keeps them
    converged = 1
    budget = 2  # the trial's gradients were spent
    stalled = 3  # the loss stopped falling, and all restarts were used
    diverged = 4  # a component of z exceeded 1000
    non_finite = 5  # the loss, or z, was not a finite number


class Phase(StrEnum):
    """What a run does now: it measures and compiles before trials run; the value is shown."""

    measuring = "measuring the generator"
    compiling = "compiling"
    running = "running"
