"""The methods of peers.py with their authors' settings, and their numbers of trials and updates."""

from collections.abc import Callable
from dataclasses import dataclass

from side_by_side.descents import Descent, adam, momentum, redraw_outside, redraw_together
from side_by_side.libraries import BatchedLBFGS, BoundedLBFGS, BoundedLeastSquares
from side_by_side.ours import run_ganinv
from side_by_side.records import package_version
from side_by_side.task import Method

TFP_TITLE = f"TensorFlow Probability {package_version('tensorflow-probability')} L-BFGS"


@dataclass(frozen=True)
class Entry:
    """A method, with its numbers of trials and updates."""

    title: str
    method: Callable[[int], Method]  # from the number of updates per start
    trials: int
    quick_trials: int  # trials of --quick
    updates: int = 0  # per start; 0 if the method counts none
    quick_updates: int = 0
    author_updates: int = 0  # per start, in its authors' settings


def _make_descent(**settings: object) -> Callable[[int], Method]:
    return lambda updates: Descent(updates=updates, **settings)  # type: ignore[arg-type]


def _ignore_updates(method: Method) -> Callable[[int], Method]:
    return lambda updates: method


# Settings are from each project's code, for CelebA if it has several. csgm starts from its
# generator's prior, so here from this generator's prior. Defense-GAN starts near 0, from a normal
# of standard deviation √(1/latent).
ENTRIES = {
    "ganinv": Entry("**ganinv**, its default", _ignore_updates(run_ganinv), 256, 64),
    "paper-code": Entry(
        "ReverseGAN (Lipton & Tripathi): descent, rate 1, redraws, float64 z",
        _make_descent(
            move=momentum(1.0, 0.0, halve_every=50_000), clip=redraw_outside, precision="float64"
        ),
        *(8, 4, 2_000, 250, 80_000),
    ),
    "pytorch-reverse-gan": Entry(
        "pytorch-reverse-gan: Adam .01 (.5, .999), redraws",
        _make_descent(move=adam(0.01, 0.5), clip=redraw_together),
        *(8, 4, 5_000, 500, 5_000),
    ),
    "csgm": Entry(
        "csgm (Bora et al.): Adam .1, best of up to 10",
        _make_descent(move=adam(0.1, 0.9), starts=10),
        *(8, 2, 500, 500, 500),
    ),
    "defense-gan": Entry(
        "Defense-GAN: momentum .7, rate 10, best of up to 2",
        _make_descent(move=momentum(10.0, 0.7), starts=2, spread=0.1),
        *(64, 8, 200, 200, 200),
    ),
    "scipy-lbfgsb": Entry(
        "SciPy L-BFGS-B in bounds, one image at a time", _ignore_updates(BoundedLBFGS()), 16, 2
    ),
    "scipy-lbfgsb-50": Entry(
        "SciPy L-BFGS-B, memory 50", _ignore_updates(BoundedLBFGS(memory=50)), 16, 4
    ),
    "scipy-least-squares": Entry(
        "SciPy least_squares (trf) in bounds, one image at a time",
        _ignore_updates(BoundedLeastSquares()),
        *(2, 1),
    ),
    "tfp-lbfgs": Entry(f"{TFP_TITLE}, one batch", _ignore_updates(BatchedLBFGS()), 16, 4),
    "tfp-lbfgs-50": Entry(
        f"{TFP_TITLE}, memory 50", _ignore_updates(BatchedLBFGS(memory=50)), 16, 4
    ),
    "ganinv again": Entry("**ganinv**, again at the end", _ignore_updates(run_ganinv), 256, 64),
}
