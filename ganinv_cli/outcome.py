"""How a trial ended.

Every outcome is known without the true z.
"""

from enum import IntEnum


class Outcome(IntEnum):
    """Stored as its number. Whether z is right is for the statistics to say."""

    converged = 1  # the image loss is as good as 0, or stopped falling at what z may leave
    budget = 2  # the gradients a trial may use were spent
    stalled = 3  # the loss stopped falling, and no restart was left
    diverged = 4  # a component of z exceeded 1000
    non_finite = 5  # the loss, or z, was not a finite number
