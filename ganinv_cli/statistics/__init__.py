"""Statistics of recovery: pure functions on arrays."""

from ganinv_cli.statistics.averages import (
    Band,
    Booleans,
    Floats,
    Integers,
    bootstrap,
    carry_forward,
    mean,
    median,
)
from ganinv_cli.statistics.conditioning import condition_number, cramer_rao, rank
from ganinv_cli.statistics.distances import (
    assign_clusters,
    expected_distance,
    find_norm_range,
    is_lowest,
    pairwise_distances,
)
from ganinv_cli.statistics.image_error import psnr, rmse
from ganinv_cli.statistics.noise import expected_residual, fit_slope, rounding_residual
from ganinv_cli.statistics.recovery import (
    EPSILONS,
    EXACT_EPSILON,
    SMALLEST_EPSILON,
    clopper_pearson,
    compare_errors,
    is_elsewhere,
    is_recovered,
    match_trials,
    mcnemar,
)

__all__ = [
    "EPSILONS",
    "EXACT_EPSILON",
    "SMALLEST_EPSILON",
    "Band",
    "Booleans",
    "Floats",
    "Integers",
    "assign_clusters",
    "bootstrap",
    "carry_forward",
    "clopper_pearson",
    "compare_errors",
    "condition_number",
    "cramer_rao",
    "expected_distance",
    "expected_residual",
    "find_norm_range",
    "fit_slope",
    "is_elsewhere",
    "is_lowest",
    "is_recovered",
    "match_trials",
    "mcnemar",
    "mean",
    "median",
    "pairwise_distances",
    "psnr",
    "rank",
    "rmse",
    "rounding_residual",
]
