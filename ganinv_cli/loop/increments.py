"""Control of the number of steps of an increment: many if a step is short, few if a trial is.

After an increment the rows are copied to the host and free rows are filled, which takes as long as
several steps of a small generator. But rows that finish stay in the batch until it ends. No
result depends on the number: an increment ends where a row is recorded.
"""

import math

from ganinv_cli.solvers.solver import Solver

INCREMENT_SECONDS = 0.25
MAX_TRIAL_SHARE = 0.05  # of the gradients that a trial is expected to take
MAX_GROWTH = 4  # from one increment to the next


class IncrementControl:
    """The number of steps: as many as fit in INCREMENT_SECONDS, by the speed of the last ones."""

    def __init__(self, solver: Solver) -> None:
        """Start with the solver's least number."""
        self._least = solver.steps_per_increment
        self._affordable = float(self._least)  # steps
        self._most = MAX_TRIAL_SHARE * solver.expected_gradients

    def choose_steps(self, gradients_left: float) -> int:
        """Return the number of steps, a multiple of the solver's least number.

        `gradients_left` is how far the nearest row is from where it ends or is recorded.
        """
        longest = self._least * max(1, math.floor(self._affordable / self._least))
        if gradients_left >= longest:
            return longest
        return self._least * max(1, math.ceil(gradients_left / self._least))

    def record_speed(self, steps: int, seconds: float) -> None:
        """Record how long an increment took."""
        fitting = INCREMENT_SECONDS * steps / max(seconds, 1e-9)
        self._affordable = min(fitting, MAX_GROWTH * steps, self._most)
