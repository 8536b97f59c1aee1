"""The report of `ganinv noise-sweep`: the paper's Figure 2, and tests of its two claims."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from ganinv_cli.noise import Noise, get_noise
from ganinv_cli.results import statistics
from ganinv_cli.results.analysis.trial_sets import TrialSet
from ganinv_cli.results.number_format import format_interval, format_scientific
from ganinv_cli.results.report.figures import draw_figure2a, draw_trials
from ganinv_cli.results.report.grid import Answer, Drawing, Grid, ReportKind
from ganinv_cli.results.report.measures import stack_interval
from ganinv_cli.results.report.noise_measures import NOISE_SWEEP
from ganinv_cli.results.report.pairs import state_too_few_trials
from ganinv_cli.results.report.run_notes import describe_rule, describe_span
from ganinv_cli.results.report.table import (
    Column,
    Row,
    Table,
    capitalize,
    to_plain,
)
from ganinv_cli.settings.names import representative_rule

if TYPE_CHECKING:
    from ganinv_cli.results.store import Results

STARTS = ("first_start", "with_restarts")
MIN_TRIALS = 20  # with fewer, a bootstrap interval is too narrow
SMALL_LEVEL = 0.01  # level up to which noise counts as small
LEVEL_RANGES = {"all": float("inf"), "small": SMALL_LEVEL}


def _fit_slopes(results: "Results", trial_sets: list[TrialSet]) -> list[Row]:
    """Return a row per rule, place, statistic and range of levels with a slope.

    If a higher level is less noise, there is no growth in proportion.
    """
    noise = get_noise(results.attributes.get("config", {}))
    if not noise.more_is_worse:
        return []
    rules = dict.fromkeys(trial_set.rule for trial_set in trial_sets if trial_set.exercised)
    given = product(rules, STARTS, ("median", "mean"), LEVEL_RANGES)
    rows = [_fit_slope(trial_sets, noise, *each) for each in given]
    return [to_plain(row) for row in rows if row]


def _fit_slope(
    trial_sets: Sequence[TrialSet],
    noise: Noise,
    rule: str,
    start: str,
    statistic: str,
    range_name: str,
) -> Row | None:
    """Return the slope of log error against log level, or None; 1 is growth in proportion.

    It is fitted to the statistic over the trials that were run at every level. Level 0 has no
    logarithm and is left out.
    """
    largest = LEVEL_RANGES[range_name]
    used = [
        trial_set
        for trial_set in trial_sets
        if trial_set.rule == rule and trial_set.exercised and 0 < trial_set.number.value <= largest
    ]
    if len(used) < 2:
        return None
    trials = reduce(np.intersect1d, [trial_set.columns["trial"] for trial_set in used])
    places = [trial_set.first if start == STARTS[0] else trial_set for trial_set in used]
    errors = np.stack([c.errors[np.isin(c.columns["trial"], trials)] for c in places], axis=1)
    levels = np.array([trial_set.number.value for trial_set in used])
    found = statistics.fit_slope(levels, errors, getattr(statistics, statistic))
    if found is None:
        return None
    return {
        "technique": rule,
        "counted": start,
        "statistic": statistic,
        "over": range_name,
        noise.plural: found.levels,  # how many the slope is fitted to
        f"least_{noise.level}": levels[0],
        f"largest_{noise.level}": levels[-1],
        "trials": len(errors),
        "slope": found.slope,
        "interval": (found.low, found.high),  # 95 %, bootstrap over the trials
    }


ERRORS = (
    "trials",
    Column(
        "median",
        "with_restarts",
        stack_interval("median", "median_interval"),
        "z error: ‖z_found − z_true‖² / latent. [a, b]: 95 % interval, bootstrap over the trials.",
    ),
    Column("mean", "with_restarts", stack_interval("mean", "mean_interval")),
    Column(
        "first\nstart",
        "first_start.median",
        format_scientific,
        "First start: the median before any restart.",
    ),
)
BOUNDS = (
    Column("trials", "with_restarts.converged"),
    "cramer_rao",
    Column("error / bound,\nmeans", "with_restarts.ratio", format_scientific),
    Column(
        "95 % interval",
        "with_restarts.ratio_interval",
        lambda interval: format_interval(interval) or "-",
    ),
)


def _list_bounds(grid: Grid) -> Iterator[Table]:
    if get_noise(grid.run["config"]).is_variance:
        title = "Converged trials against the Cramér-Rao bound, with restarts"
        yield grid.make_table(title, *BOUNDS)


def _list_slopes(grid: Grid) -> Iterator[Table]:
    noise = get_noise(grid.run["config"])
    by_name: dict[tuple[str, str], Row] = {}
    for row in grid.tables["slopes"]:
        if row["counted"] == STARTS[1]:
            names = {key: row[key] for key in ("technique", "statistic")}
            empty = dict.fromkeys(LEVEL_RANGES)
            by_name.setdefault((*names.values(),), names | empty)[row["over"]] = row

    def show(row: Row | None) -> str:
        if row is None or row["slope"] is None:
            return "-"
        return stack_interval("slope", "interval", "{:.3f}".format)(row)

    yield grid.make_table(
        f"Slope of log z error against log {noise.level}; 1 is growth in proportion to the noise",
        Column("of the", "statistic"),
        Column(f"all {noise.plural}", "all", show),
        Column(f"to {SMALL_LEVEL:g}", "small", show),
        rows=list(by_name.values()),
    )


def _list_noise_notes(grid: Grid) -> list[str]:
    clipped, noise = bool(grid.run["config"].get("clip_pixels")), get_noise(grid.run["config"])
    biased = " Clipping the pixels adds a bias, too." if clipped else ""
    bounded = ": their errors can be below the Cramér-Rao bound" if noise.is_variance else ""
    lines = [
        f"Noisy pixels were {'' if clipped else 'not '}clipped to [-1, 1]. Under strong noise "
        "every estimate is biased, because the generator is not linear, and so are those that a "
        f"rule keeps in the prior's bounds{bounded}.{biased}"
    ]
    if noise.is_variance:
        lines.append(
            "The Cramér-Rao bound is variance · tr((JᵀJ)⁻¹) / latent, with J at each trial's true "
            "z. A median or a biased estimate can be smaller."
        )
    if grid.tables["comparisons"]:
        lines.append(
            "Wilcoxon's p is of the test that the differences are symmetric about 0. It ranks them "
            "by size, so p can be small even if their median is near 0."
        )
    if not noise.find_residual and not noise.leaves_no_residual:
        lines.append(
            "The image loss that this noise leaves at the right z is not known, so no single start "
            "is enough: a trial ends when two starts in turn have not lowered it."
        )
    if any(row[noise.level] == 0 for row in grid.rows):
        name = capitalize(noise.level)
        lines.append(f"{name} 0 has no logarithm: it is in neither the slopes nor figure 2a.")
    if any(row[start]["without_number"] for row in grid.rows for start in STARTS):
        lines.append(
            "A trial without a finite z counts as an infinite error: it raises the median, and "
            "there is no mean."
        )
    if any(row["trials"] < MIN_TRIALS for row in grid.rows):
        lines.append(
            f"Some rows have fewer than {MIN_TRIALS} trials: their bootstrap intervals are too "
            "narrow."
        )
    return lines


def _list_medians(grid: Grid) -> Iterator[Table]:
    """Yield the medians with restarts, levels by rule."""
    noise = get_noise(grid.run["config"])
    by_level: dict[float, Row] = {}
    for row in grid.rows:
        rules = by_level.setdefault(row[noise.level], {noise.level: row[noise.level]})
        rules[row["technique"]] = row

    def make_column(rule: str) -> Column:
        def show(rules: Row) -> str:
            row = rules.get(rule, {"exercised": False})
            return format_scientific(row["with_restarts"]["median"]) if row["exercised"] else "-"

        return Column(rule, show=show)

    def count_trials(rules: Row) -> str:
        counts = [row["trials"] for row in rules.values() if isinstance(row, dict)]
        return describe_span(counts, "{:,}".format)

    yield Table(
        "Median error of z by clipping rule: ‖z_found − z_true‖² / latent",
        list(by_level.values()),
        [
            Column(noise.title, noise.level, "{:g}".format),
            Column("trials", show=count_trials),
            *map(make_column, dict.fromkeys(row["technique"] for row in grid.rows)),
        ],
    )


def _answer_growth(grid: Grid) -> Answer:
    noise = get_noise(grid.run["config"])
    growth = _state_growth(grid.rows, grid.tables["slopes"], noise)
    return Answer(growth + _state_differences(grid.tables["comparisons"], noise))


def _state_growth(rows: Sequence[Row], slopes: Sequence[Row], noise: Noise) -> str:
    """Return a clause on the rule that pictures of the run show."""
    exercised = [row for row in rows if row["exercised"]]
    name = representative_rule([row["technique"] for row in exercised])
    shown = [row for row in exercised if row["technique"] == name]
    first, last, rule = shown[0], shown[-1], describe_rule(name)
    trials = describe_span([row["trials"] for row in shown], "{:,}".format)
    if first is last:
        return (
            f"at {noise.title} {last[noise.level]:g} the median error of z over {trials} trials "
            f"is {_format_error(last)} {rule}"
        )
    return (
        f"{rule} the median error of z over {trials} trials is {_format_error(first)} at "
        f"{noise.title} {first[noise.level]:g} and {_format_error(last)} at {noise.level} "
        f"{last[noise.level]:g}{_state_slope(name, slopes, noise)}"
    )


def _state_differences(comparisons: Sequence[Row], noise: Noise) -> str:
    """Return a clause on the paired tests of rules, each with its restarts; empty without any."""
    tested = [row for row in comparisons if row["counted"] == STARTS[1]]
    differing = [row for row in tested if row["p_holm"] < statistics.SIGNIFICANCE]
    if not tested:
        return ""
    if too_few := state_too_few_trials(tested):
        return f"; {too_few}"
    if not differing:
        return "; no difference between clipping rules is significant"
    counts = Counter(
        (row["second"], row["first"])
        if row["median_difference"] > 0
        else (row["first"], row["second"])
        for row in differing
    )
    levels = len({row[noise.level] for row in tested})
    (pair, most), *others = counts.most_common()
    first = f"; {pair[0]} is significantly nearer to z than {pair[1]} at {most:,} of {levels:,} "
    more = [f"{one} than {other} at {count:,}" for (one, other), count in others]
    return ", ".join([first + noise.plural, *more])


def _state_slope(rule: str, slopes: Sequence[Row], noise: Noise) -> str:
    wanted = (rule, "median", STARTS[1], "small")
    for row in slopes:
        key = tuple(row[part] for part in ("technique", "statistic", "counted", "over"))
        if key == wanted and row["slope"] is not None:
            return (
                f"; up to {noise.level} {SMALL_LEVEL:g} the slope is {row['slope']:.2f} "
                "(1: in proportion to the noise)"
            )
    return ""


def _format_error(row: Row) -> str:
    median = row["with_restarts"]["median"]
    return "no finite number" if median is None else format_scientific(median)


NOISE_SWEEP_REPORT = ReportKind(
    "noise_sweep",
    "noise-sweep",
    NOISE_SWEEP,
    _answer_growth,
    (_list_medians, ("With restarts: z error under noise", ERRORS), _list_bounds, _list_slopes),
    _list_noise_notes,
    figures=(
        Drawing(draw_figure2a, "figure2a"),
        Drawing(draw_trials, "figure2b-[a-z_]+-.+"),
    ),
    more={"slopes": _fit_slopes},
)
