"""What the results say, and how sure that is: pure functions on arrays."""

from ganinv_cli.statistics.arrays import Booleans, Floats, Integers, Scalar
from ganinv_cli.statistics.averages import carried, mean, median
from ganinv_cli.statistics.bootstrap import Band, bootstrap
from ganinv_cli.statistics.conditioning import condition, cramer_rao, rank
from ganinv_cli.statistics.distances import Spread, baseline, clusters, pairwise, reached, spread
from ganinv_cli.statistics.image_error import psnr, rmse, verdict
from ganinv_cli.statistics.noise import Slope, expected_residual, rounding_residual, slope
from ganinv_cli.statistics.paired import Comparison, Paired, compared, mcnemar, shared
from ganinv_cli.statistics.recovery import (
    EPSILONS,
    EXACT,
    SMALLEST,
    Interval,
    elsewhere,
    interval,
    recovered,
)

__all__ = [
    "EPSILONS",
    "EXACT",
    "SMALLEST",
    "Band",
    "Booleans",
    "Comparison",
    "Floats",
    "Integers",
    "Interval",
    "Paired",
    "Scalar",
    "Slope",
    "Spread",
    "baseline",
    "bootstrap",
    "carried",
    "clusters",
    "compared",
    "condition",
    "cramer_rao",
    "elsewhere",
    "expected_residual",
    "interval",
    "mcnemar",
    "mean",
    "median",
    "pairwise",
    "psnr",
    "rank",
    "reached",
    "recovered",
    "rmse",
    "rounding_residual",
    "shared",
    "slope",
    "spread",
    "verdict",
]
