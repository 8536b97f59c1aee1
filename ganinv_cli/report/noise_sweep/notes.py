"""How to read the noise sweep's tables."""

from ganinv_cli.report.noise_sweep.claims import ComparisonRow
from ganinv_cli.report.noise_sweep.numbers import SweepRow
from ganinv_cli.report.noise_sweep.tables import COUNTING_TITLES
from ganinv_cli.report.rows import Json
from ganinv_cli.report.shared import actions, labels
from ganinv_cli.report.shared.actions import RuleActions, SameRow
from ganinv_cli.report.shared.prior import format_range, read_prior
from ganinv_cli.report.shared.run import make_run_notes

MIN_TRIALS = 20  # with fewer, a bootstrap interval is too narrow


def make_notes(
    run: Json, sweep: list[SweepRow], comparisons: list[ComparisonRow], same: list[SameRow]
) -> list[str]:
    """Return notes on missing trials, on the run, and on how to read the tables."""
    lines = make_run_notes(run)
    clipped = bool(run["config"].get("clip_pixels"))
    lines.append(
        "Gaussian noise of the given variance was added to pixels in [-1, 1]; noisy pixels were "
        + ("clipped to [-1, 1]." if clipped else "not clipped.")
    )
    if any(row.variance == 0 for row in sweep):
        lines.append("Variance 0 has no logarithm: it is in neither the slopes nor figure 2a.")
    if any(row.errors(counted).without_number for row in sweep for counted in COUNTING_TITLES):
        lines.append(
            "A trial without a finite z counts as an infinite error: it raises the median, and "
            "there is no mean."
        )
    lines.append(
        "z error: ‖z_found − z_true‖² / latent. [a, b]: 95 % interval, bootstrap over the trials. "
        "Bound: Cramér-Rao, variance · tr((JᵀJ)⁻¹) / latent with J at each trial's true z. No "
        "unbiased estimate has a smaller mean error. Error / bound: the mean error of converged "
        "trials over the mean of their bounds. Errors are skewed, so their median can be below the "
        "bound. Biased estimates can have smaller errors: under strong noise all are biased, "
        "because the generator is not linear, and so are those that a rule keeps in the bounds "
        f"{format_range(read_prior(run['config']))}"
        + (". Clipped pixels add a bias, too." if clipped else ".")
    )
    if any(row.trials < MIN_TRIALS for row in sweep):
        lines.append(
            f"Some rows have fewer than {MIN_TRIALS} trials: their bootstrap intervals are too "
            "narrow."
        )
    lines.append(
        "First start: before any restart. Its tables have only the rows that differ from those "
        "with restarts. All trials converged, unless a table of outcomes says otherwise."
    )
    lines += labels.make_notes(sweep)
    acting = [RuleActions(row.technique, row.acted, row.shared) for row in sweep]
    lines += actions.make_notes(same, acting)
    if comparisons:
        lines.append(
            f"Rules compared: {_describe_test_count(comparisons)} (variances and pairs of rules), "
            "so some p below .05 are due to chance; p (Holm) is corrected for all tests of one way "
            "of counting. Difference: median over the trials of the first rule's error minus the "
            "second's. p: Wilcoxon's signed-rank test that the differences are symmetric about 0. "
            "It ranks them by size, so p can be small even if their median is near 0."
        )
    return lines


def _describe_test_count(comparisons: list[ComparisonRow]) -> str:
    """Return the number of tests in words, including tests of first starts that are not listed."""
    count = sum(row.counted == "with_restarts" for row in comparisons)
    ways = len({row.counted for row in comparisons})
    made = "1 test is made" if count == 1 else f"{count} tests are made"
    return made + (" for each way of counting" if ways > 1 else "")
