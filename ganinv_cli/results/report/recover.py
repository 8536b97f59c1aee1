"""The report of `ganinv recover`: Table 1, polishing in float64, and paired tests."""

from collections.abc import Iterator, Sequence
from math import log10

from ganinv_cli.outcome import Outcome
from ganinv_cli.results import statistics
from ganinv_cli.results.analysis.cells import Cell
from ganinv_cli.results.number_format import (
    format_concise,
    format_interval,
    format_number,
    format_scientific,
    format_share,
)
from ganinv_cli.results.report.figures import draw_convergence, draw_trials
from ganinv_cli.results.report.grid import Answer, Drawing, Grid, ReportKind, Wanted
from ganinv_cli.results.report.measures import RECOVER, measure_polishing, show_share
from ganinv_cli.results.report.pairs import describe_idle, state_too_few_trials
from ganinv_cli.results.report.run_notes import (
    describe_rule,
    describe_span,
    state_preparation,
)
from ganinv_cli.results.report.table import Column, Row, Table, capitalize, to_plain

NO_DIFFERENCE = (
    "No difference between rules is significant; more --trials or --restarts 0 may show one."
)
MAX_EPSILONS = 4  # columns of Table 1, which fits 80 columns
COUNTING_TITLES = {
    "first_start": "First start, like the paper's Table 1",
    "recovered": "With restarts",
}
INTERVAL_HELP = "[a, b]: exact 95 % interval (Clopper-Pearson)."
POLISHING = (
    "trials",
    Column("1e-20", show=show_share("recovered.1e-20", "interval"), help=INTERVAL_HELP),
    Column("z error\nmedian", "z_error_median", format_scientific),
    Column("gradients\nmean", "gradients"),
)


def _list_shares(grid: Grid) -> Iterator[Table]:
    trials = {row["trials"] for row in grid.rows}
    epsilons = _choose_epsilons(grid.rows[0])
    for counting, words in COUNTING_TITLES.items():
        is_first = counting == "first_start"
        columns: list[Wanted] = ["trials"] if len(trials) > 1 else []  # else in the title
        columns.append("acted_first_start" if is_first else "acted")
        columns += [_count_below(name, counting) for name in epsilons]
        count = f"{min(trials):,} trials" if len(trials) == 1 else "trials"
        yield grid.make_table(f"{words}: {count}, mean squared z error below", *columns)


def _choose_epsilons(row: Row) -> list[str]:
    """Return the names of the threshold and of the ε of the paper's table that are near it."""
    names = row["intervals"]["recovered"]  # other measures may stand beside the counts
    near = sorted(names, key=lambda name: abs(log10(float(name) / row["threshold"])))
    return [name for name in names if name in near[:MAX_EPSILONS]]


def _count_below(epsilon: str, counting: str) -> Column:
    show = show_share(f"{counting}.{epsilon}", f"intervals.{counting}.{epsilon}")

    def show_beside_paper(row: Row) -> str:
        if counting == "first_start" and epsilon in row["paper"]:  # its runs had no restarts
            return f"{show(row)}\npaper {format_share(row['paper'][epsilon])}"
        return show(row)

    return Column(epsilon, show=show_beside_paper, help=INTERVAL_HELP)


def _list_polishing(grid: Grid) -> Iterator[Table]:
    title = "Polished in float64: trials with mean squared z error below"
    yield grid.make_table(title, *POLISHING, rows=grid.tables["polished"])


def _list_outcomes(grid: Grid) -> Iterator[Table]:
    outcomes = [
        Column(each.name.replace("_", "\n"), f"outcomes.first_start.{each.name}")
        for each in Outcome
        if any(row["outcomes"]["first_start"][each.name] for row in grid.rows)
    ]
    elsewhere = "Elsewhere: converged by the image loss, but the error of z is not below "
    yield grid.make_table(
        "Outcomes of first starts, and elsewhere with restarts",
        *outcomes,
        "at_bound",
        Column("elsewhere", "elsewhere.first_start", help=f"{elsewhere}{{threshold}}."),
        Column("with\nrestarts", "elsewhere.recovered"),
    )


def _measure_polished(cells: list[Cell], run: Row) -> list[Row]:
    """Return a row for each rule if the trials of one were polished, those that converged."""
    has_polished = any(cell.has("polished/z_error") for cell in cells)
    return [to_plain(measure_polishing(cell)) for cell in cells] if has_polished else []


def _list_recovery_notes(grid: Grid) -> list[str]:
    lines, config = [], grid.run["config"]
    if config.get("success") == "ever":
        lines.append(
            "Recovered: the error of z was below the bound at any update, not only at the end, as "
            'in the paper\'s code (success = "ever").'
        )
    counts = [
        f"{row['technique']} {row['bound']['held']:,} of {row['bound']['converged']:,} "
        f"{format_interval(row['bound']['interval'], format_share)}"
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
    rows = grid.rows
    any_update = " at any update" if grid.run["config"].get("success") == "ever" else ""
    epsilon = format_concise(rows[0]["threshold"])
    last = []
    if polished := {row["technique"]: row for row in grid.tables["polished"]}:
        count = show_share("recovered.1e-20")
        heading = "below 1e-20\nif polished"
        last.append(Column(heading, show=lambda row: count(polished[row["technique"]])))
    table = grid.make_table(
        f"Recovered by each --clip: mean squared z error below {epsilon}{any_update}",
        "trials",
        Column("recovered", show=show_share(f"recovered.{epsilon}")),
        Column("at the\nfirst start", show=show_share(f"first_start.{epsilon}")),
        Column("gradients\n(median)", "gradients_median", help=state_preparation(grid.run)),
        ("acted", "acted\n(trials)"),
        *last,
    )
    sentence = f"{_count_recovered(grid, epsilon)}{any_update}{_state_cost(rows)}"
    idle = describe_idle(rows, grid.tables["same"])
    return Answer(". ".join(filter(None, (sentence, idle))), table, _compare_rules(grid))


def _compare_rules(grid: Grid) -> list[str]:
    """Return a sentence if the trials show no difference between rules, or are too few to."""
    tests = grid.tables["mcnemar"]
    if too_few := state_too_few_trials(tests):
        return [f"{capitalize(too_few)}."]
    is_alike = all(test["p"] >= statistics.SIGNIFICANCE for test in tests)
    is_lbfgs = grid.run["config"].get("solver") == "lbfgs"
    return [NO_DIFFERENCE] if len(grid.rows) > 1 and is_lbfgs and is_alike else []


def _count_recovered(grid: Grid, epsilon: str) -> str:
    counts = {row["technique"]: (row["recovered"][epsilon], row["trials"]) for row in grid.rows}
    if len(set(counts.values())) > 1:
        each = ", ".join(
            f"{count:,} of {trials:,} {describe_rule(rule)}"
            for rule, (count, trials) in counts.items()
        )
        return f"latent vectors recovered: {each}"
    count, trials = next(iter(counts.values()))
    rules = " and ".join(map(describe_rule, counts))
    if len(counts) > 1 and all(grid.run["trials"].values()):
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
    starts=("first_start", "recovered"),
    figures=(
        Drawing(draw_trials, r"figure1-[\w-]+"),
        Drawing(draw_convergence, "convergence"),
    ),
    more={"polished": _measure_polished},
)
