"""The report of `ganinv recover`: Table 1, polishing in float64, and paired tests."""

from collections.abc import Iterator, Sequence
from math import log10
from typing import TYPE_CHECKING

import numpy as np

from ganinv_cli.clipping import RULES
from ganinv_cli.outcome import Outcome
from ganinv_cli.results import statistics
from ganinv_cli.results.analysis.trial_sets import TrialSet, read_compared
from ganinv_cli.results.number_format import (
    count_share_digits,
    format_concise,
    format_number,
    format_scientific,
    format_share,
    format_share_interval,
)
from ganinv_cli.results.report.figures import draw_convergence, draw_trials
from ganinv_cli.results.report.grid import Answer, Drawing, Grid, ReportKind
from ganinv_cli.results.report.measures import (
    ACTED_HELP,
    RECOVER,
    blank,
    measure_trial_set,
    show_share,
)
from ganinv_cli.results.report.pairs import describe_idle, state_too_few_trials
from ganinv_cli.results.report.run_notes import (
    describe_rule,
    describe_span,
    has_restarts,
    list_stuck_rules,
)
from ganinv_cli.results.report.table import Column, Row, Table, capitalize, to_plain
from ganinv_cli.results.statistics import Floats

if TYPE_CHECKING:
    from ganinv_cli.results.store import Results

NO_DIFFERENCE = (
    "No difference between rules is significant; more --trials or --restarts 0 may show one."
)
CLAIMED = ("none", "stochastic")  # the rules of the paper's claim, in order
CLAIMED_EPSILON = "1e-4"  # of its first column
STARTS = ("first_start", "recovered")
MAX_EPSILONS = 4  # columns of Table 1, which fits 80 columns
GRID_TITLES = {
    "first_start": "Table 1, first starts: share of {} trials, mean squared z error below",
    "recovered": "With restarts: share of {} trials, mean squared z error below",
}
INTERVAL_HELP = "[a, b]: exact 95 % interval (Clopper-Pearson)."
PAPER_HELP = "In brackets: the paper's share of 1,000 trials."
POLISHING = (
    Column("trials", "trials", always=True),
    Column("1e-20", show=show_share("recovered.1e-20", "interval"), help=INTERVAL_HELP),
    Column("z error\nmedian", "z_error_median", format_scientific),
    Column("gradients\nmean", "gradients"),
)


def _list_shares(grid: Grid) -> Iterator[Table]:
    """Yield the paper's Table 1, rules by ε, and the same with restarts."""
    trials = describe_span([row["trials"] for row in grid.rows], "{:,}".format)
    for counting, title in GRID_TITLES.items():
        if counting == STARTS[0] or has_restarts(grid.run):
            most = MAX_EPSILONS - len(grid.list_measures(title))
            columns = [_show_shares(grid, name, counting) for name in _choose_epsilons(grid, most)]
            yield grid.make_table(title.format(trials), *columns, _show_last(grid, counting))


def _choose_epsilons(grid: Grid, most: int) -> list[str]:
    """Return the names of the threshold and of the ε of the paper's table that are near it."""
    row = grid.rows[0]
    names = row["intervals"]["recovered"]  # other measures may stand beside the counts
    near = sorted(names, key=lambda name: abs(log10(float(name) / row["threshold"])))
    return [name for name in names if name in near[:most]]


def _show_shares(grid: Grid, epsilon: str, counting: str) -> Column:
    """Return the column of shares below ε, all with equal digits, each above its interval.

    Since the paper's runs had no restarts, its share stands beside that of first starts.
    """
    shares = [row[counting][epsilon] / row["trials"] for row in grid.rows if row["exercised"]]
    others = list_stuck_rules(grid.run["config"])  # which are not the paper's
    digits = count_share_digits(shares)

    def show(row: Row) -> str:
        has_paper = counting == STARTS[0] and row["technique"] not in others
        paper = row["paper"].get(epsilon) if has_paper else None
        share = format_share(row[counting][epsilon] / row["trials"], digits)
        brackets = "" if paper is None else f" ({format_share(paper)})"
        return f"{share}{brackets}\n{format_share_interval(row['intervals'][counting][epsilon])}"

    return Column(epsilon, show=show, help=INTERVAL_HELP)


def _show_last(grid: Grid, counting: str) -> Column:
    """Return how often the rules acted, or the trials if the title has no one number of them."""
    help_text = f"{PAPER_HELP} Recovered: below {{threshold}}." if counting == STARTS[0] else ""
    if len({row["trials"] for row in grid.rows}) > 1:
        return Column("trials", "trials", help=help_text, always=True)
    key = "acted_first_start" if counting == STARTS[0] else "acted"
    return Column("acted", key, help=f"{ACTED_HELP} {help_text}".rstrip(), always=True)


def _list_polishing(grid: Grid) -> Iterator[Table]:
    title = "Polished in float64: trials with mean squared z error below"
    yield grid.make_table(title, *POLISHING, rows=grid.tables["polished"])


def _list_outcomes(grid: Grid) -> Iterator[Table]:
    outcomes = [
        Column(each.name.replace("_", "\n"), f"outcomes.first_start.{each.name}")
        for each in Outcome
        if any(row["outcomes"]["first_start"][each.name] for row in grid.rows)
    ]
    help_text = (
        "Elsewhere: converged by the image loss, but the error of z is not below {threshold}."
    )
    elsewhere = Column("elsewhere", "elsewhere.first_start", help=help_text)
    title = "Outcomes of first starts"
    columns: list[Column | str] = [*outcomes, "at_bound", elsewhere]
    if has_restarts(grid.run):
        columns.append(Column("elsewhere\nat the end", "elsewhere.recovered"))
    yield grid.make_table(title, *columns)


def _measure_compared(results: "Results", trial_sets: list[TrialSet]) -> list[Row]:
    """Return the row of the solver that the run is compared with, if its trials are there."""
    trial_set = read_compared(results)
    return [measure_trial_set(trial_set, RECOVER, STARTS)] if trial_set else []


def _state_compared(grid: Grid) -> list[str]:
    """Return a sentence on the solver that the run is compared with, if its trials are there."""
    return [
        f"By L-BFGS with restarts, from the same starts and without clipping: "
        f"{row['recovered'][format_concise(row['threshold'])]:,} of {row['trials']:,} recovered"
        f"{_state_cost([row])}."
        for row in grid.tables["compared"]
    ]


def _measure_polishing(trial_set: TrialSet) -> Row:
    """Return the errors of z after polishing in float64, of which a rule may have none."""
    is_known = trial_set.has("polished/z_error")
    polished = (
        trial_set.read("polished/outcome") != 0
        if is_known
        else np.zeros(trial_set.trials, np.bool_)
    )

    def read_polished(column: str) -> Floats:
        return trial_set.read(f"polished/{column}")[polished] if is_known else np.zeros(0)

    error = read_polished("z_error")
    recovered = int(np.sum(statistics.is_recovered(error, statistics.POLISHED_EPSILON)))
    names = {
        "technique": trial_set.rule,
        "trials": trial_set.trials,  # polished or not
        "exercised": trial_set.exercised,
    }
    numbers = {
        "polished": int(np.sum(polished)),  # the median and the means are over these
        "recovered": {"1e-20": recovered},
        "interval": statistics.clopper_pearson(recovered, trial_set.trials),
        "z_error_median": statistics.median(error),
        "gradients": statistics.mean(read_polished("gradients")),
    }
    measured: Row = to_plain(numbers)
    return names | (measured if trial_set.exercised else blank(measured))


def _measure_polished(results: "Results", trial_sets: list[TrialSet]) -> list[Row]:
    """Return a row for each rule if the trials of one were polished, those that converged."""
    has_polished = any(trial_set.has("polished/z_error") for trial_set in trial_sets)
    return [_measure_polishing(trial_set) for trial_set in trial_sets] if has_polished else []


def _list_recovery_notes(grid: Grid) -> list[str]:
    lines, config = [], grid.run["config"]
    if config.get("success") == "ever":
        lines.append(
            "Recovered: the error of z was below the bound at any update, not only at the end, as "
            'in the paper\'s code (success = "ever").'
        )
    counts = [
        f"{row['technique']} {row['bound']['held']:,} of {row['bound']['converged']:,} "
        f"{format_share_interval(row['bound']['interval'])}"
        for row in grid.rows
        if row["bound"] and row["bound"]["converged"]
    ]
    if counts:
        lines.append(
            f"Converged trials with an error of z within its estimated bound: {', '.join(counts)}. "
            f"A trial converges if the bound is at most {config.get('tolerance', 0):g}, or if the "
            "image equals the target in float32 (docs/solvers.md)."
        )
    return lines + _compare_rules(grid)


def _answer_recovered(grid: Grid) -> Answer:
    any_update = " at any update" if grid.run["config"].get("success") == "ever" else ""
    sentence = f"{_count_recovered(grid)}{any_update}{_state_cost(grid.rows)}"
    sentences = filter(None, (sentence, describe_idle(grid.rows)))
    return Answer(". ".join(sentences), _compare_rules(grid))


def _compare_rules(grid: Grid) -> list[str]:
    """Return whether the run agrees with the paper, or that rules do not differ; and L-BFGS."""
    return [*_state_agreement(grid), *_state_compared(grid)]


def _state_agreement(grid: Grid) -> list[str]:
    tests = grid.tables["mcnemar"]
    if too_few := state_too_few_trials(tests):
        return [f"{capitalize(too_few)}."]
    claimed = [row for row in tests if row["counted"] == STARTS[0] and _list_rules(row) == CLAIMED]
    is_lbfgs = grid.run["config"].get("solver") == "lbfgs"  # whose rules act when it is stuck
    if claimed and not is_lbfgs and format_concise(grid.rows[0]["threshold"]) == CLAIMED_EPSILON:
        return [_judge_claim(claimed[0])]
    is_alike = all(test["p"] >= statistics.SIGNIFICANCE for test in tests)
    return [NO_DIFFERENCE] if tests and is_lbfgs and is_alike else []


def _list_rules(test: Row) -> tuple[str, str]:
    return test["first"], test["second"]


def _judge_claim(test: Row) -> str:
    """Return what the paper claims, and whether a test of first starts agrees."""
    none, stochastic = (RULES[rule].paper_shares or () for rule in CLAIMED)
    claim = (
        f"The paper says that stochastic clipping recovers more z than no clipping "
        f"({format_share(stochastic[0])} and {format_share(none[0])})"
    )
    counts = (
        f"{test['only_second']:,} z were recovered only with it, "
        f"{test['only_first']:,} only without (McNemar's p = {test['p']:.2g})"
    )
    if test["p"] >= statistics.SIGNIFICANCE:
        return f"{claim}. This run does not show it: {counts}."
    agrees = test["only_second"] > test["only_first"]
    return f"{claim}. This run {'agrees' if agrees else 'disagrees'}: {counts}."


def _count_recovered(grid: Grid) -> str:
    epsilon = format_concise(grid.rows[0]["threshold"])
    counts = {
        row["technique"]: (row["recovered"][epsilon], row["trials"])
        for row in grid.rows
        if row["exercised"]
    }
    if len(set(counts.values())) > 1:
        each = ", ".join(
            f"{count:,} of {trials:,} {describe_rule(rule)}"
            for rule, (count, trials) in counts.items()
        )
        return f"latent vectors recovered: {each}"
    count, trials = next(iter(counts.values()))
    rules = " and ".join(map(describe_rule, counts))
    if len(counts) == len(grid.run["trials"]) > 1 and all(grid.run["trials"].values()):
        rules = f"under {'every' if count else 'any'} clipping rule"
    verb = "was" if 1 in (count, trials) else "were"
    noun = "latent vector" if trials == 1 else "latent vectors"
    return f"{count:,} of {trials:,} {noun} {verb} recovered {rules}"


def _state_cost(rows: Sequence[Row]) -> str:
    medians = [row["gradients_median"] for row in rows if row["gradients_median"] is not None]
    if not medians:
        return ""
    return f", at {describe_span(medians, _format_gradients)} gradients each (median)"


def _format_gradients(gradients: float) -> str:
    return f"{gradients:,.0f}" if gradients >= 10 else format_number(gradients)


RECOVER_REPORT = ReportKind(
    "table1",
    "table1",
    RECOVER,
    _answer_recovered,
    (_list_shares, _list_polishing, _list_outcomes),
    _list_recovery_notes,
    starts=STARTS,
    figures=(
        Drawing(draw_trials, r"figure1-[\w-]+"),
        Drawing(draw_convergence, "convergence"),
    ),
    more={"polished": _measure_polished, "compared": _measure_compared},
)
