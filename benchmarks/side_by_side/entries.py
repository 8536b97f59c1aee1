"""The methods that peers.py runs, with their authors' settings, and how much of each is run."""

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
    """A method and how much of it is run."""

    title: str
    method: Callable[[int], Method]  # with so many updates a start
    trials: int
    quick_trials: int  # trials of --quick
    updates: int = 0  # a start; 0 where the method counts none
    quick_updates: int = 0
    author_updates: int = 0  # that its authors give it


def _make_descent(**settings: object) -> Callable[[int], Method]:
    return lambda updates: Descent(updates=updates, **settings)  # type: ignore[arg-type]


def _ignore_updates(method: Method) -> Callable[[int], Method]:
    return lambda updates: method


# From each project's code, and its configuration for CelebA where it has several. csgm starts from
# its generator's prior, so here from this one's; Defense-GAN at √(1/latent) of a normal, near 0.
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
