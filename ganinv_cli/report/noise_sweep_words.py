"""How to read the noise sweep's tables."""

from ganinv_cli.report.noise_sweep_tables import WORDS
from ganinv_cli.report.report import Row
from ganinv_cli.report.runs import run_notes


def notes(run: Row, sweep: list[Row], comparisons: list[Row]) -> list[str]:
    """What is missing, what was run, and how to read the tables."""
    lines = run_notes(run)
    clipped = bool(run["config"].get("clip_pixels"))
    lines.append(
        "Gaussian noise of the given variance was added to pixels in [-1, 1]; noisy pixels were "
        + ("clipped to [-1, 1]." if clipped else "not clipped.")
    )
    if any(row["variance"] == 0 for row in sweep):
        lines.append("Variance 0 has no logarithm: it is in neither the slopes nor figure 2a.")
    if any(row[counted]["without_number"] for row in sweep for counted in WORDS):
        lines.append(
            "A trial whose z is no finite number counts as infinitely far: it moves the median up, "
            "and there is no mean with it."
        )
    lines.append(
        "z error: ‖z_found − z_true‖² / latent. [a, b]: 95 % interval, bootstrap over the trials. "
        "Bound: Cramér-Rao, variance · tr((JᵀJ)⁻¹) / latent with J at each trial's true z; no "
        "unbiased estimate has a smaller mean error. Ratio: a converged trial's error to its own "
        "bound. A rule that uses the box [-1, 1] is biased and can stay "
        "below it" + ("; so can an estimate from clipped pixels." if clipped else ".")
    )
    lines.append(
        "First start, before any restart: its numbers are those with restarts where no table says "
        "otherwise. All trials converged where no table says otherwise."
    )
    if comparisons:
        lines.append(
            f"Rules compared: {len(comparisons)} tests are made (variances, pairs of rules, both "
            "ways of counting), so some p below .05 come by chance; p (Holm) allows for all of "
            "them. Difference: median over the trials of the first rule's error less the second's."
        )
    return lines
