"""The report of `ganinv recover`: Table 1, the refinement in float64, and paired tests."""

from collections.abc import Callable, Sequence

from ganinv_cli.analysis.cells import Cell
from ganinv_cli.number_format import (
    format_concise,
    format_interval,
    format_number,
    format_scientific,
    format_share,
)
from ganinv_cli.outcome import Outcome
from ganinv_cli.report.figures import draw_convergence, draw_figure1
from ganinv_cli.report.measures import (
    RECOVER,
    make_label_table,
    measure_refinement,
    select_columns,
    show_share,
)
from ganinv_cli.report.pairs import describe_same, make_test_tables
from ganinv_cli.report.report import Answer, Command, Drawing, Grid
from ganinv_cli.report.run import describe_rule, describe_span
from ganinv_cli.report.table import Column, Row, Table, to_plain

NO_DIFFERENCE = "L-BFGS shows no difference between rules; --config paper-hour compares them."
LEVEL = 0.05  # of p, for a difference between rules
NOTEWORTHY_SHARE = 0.1  # of a trial's gradients: its share of what the run measures once
COUNTING_TITLES = {"first_start": "first start", "recovered": "with restarts"}
INTERVAL_HELP = "[a, b]: exact 95 % interval (Clopper-Pearson)."
REFINEMENT = (
    Column("clipping", "technique"),
    Column("trials", "trials"),
    Column(
        "1e-20",
        show=show_share("recovered.1e-20", "interval"),
        help=INTERVAL_HELP,
    ),
    Column("z error\nmedian", "z_error_median", format_scientific),
    Column("gradients\nmean", "gradients"),
    Column("seconds\nmean", "seconds"),
)


def _make_sections(grid: Grid) -> list[Table]:
    rows, tables = grid.rows, grid.tables
    costs = select_columns(
        RECOVER,
        "technique",
        ("gradients", "gradients\nmean"),
        ("gradients_median", "gradients\nmedian"),
        ("gradients_first_start", "first start\nmean"),
        ("seconds", "seconds\nmean"),
        ("restarts", "restarts\nmean"),
        "actions",
    )
    return [
        *(_make_shares_table(rows, counting) for counting in COUNTING_TITLES),
        Table(
            "Refined in float64: trials with mean squared z error below",
            tables["polished"],
            REFINEMENT,
        ),
        make_label_table(rows, *select_columns(RECOVER, "technique")),
        _make_outcomes_table(rows),
        Table("Cost per trial", rows, costs, "costs"),
        *make_test_tables("recover", tables),
    ]


def _make_shares_table(rows: Sequence[Row], counting: str) -> Table:
    is_first = counting == "first_start"

    def count_below(epsilon: str) -> Callable[[Row], str]:
        show = show_share(f"{counting}.{epsilon}", f"intervals.{counting}.{epsilon}")
        return lambda row: (
            f"{show(row)}\npaper {format_share(row['paper'][epsilon])}"
            if is_first and epsilon in row["paper"]  # the paper's runs had no restarts
            else show(row)
        )

    trials = {row["trials"] for row in rows}
    columns = select_columns(RECOVER, "technique")
    if len(trials) > 1:  # else in the title: the table fits 80 columns
        columns += select_columns(RECOVER, "trials")
    columns += select_columns(RECOVER, "acted_first_start" if is_first else "acted")
    epsilons = rows[0]["intervals"][counting]  # other measures may stand beside the counts
    columns += [Column(name, show=count_below(name), help=INTERVAL_HELP) for name in epsilons]
    count = f"{trials.pop():,} trials" if len(trials) == 1 else "trials"
    title = f"The paper's Table 1, {COUNTING_TITLES[counting]}: {count}, mean squared z error below"
    return Table(title, rows, columns)


def _make_outcomes_table(rows: Sequence[Row]) -> Table:
    outcomes = [
        Column(each.name.replace("_", "\n"), f"outcomes.first_start.{each.name}")
        for each in Outcome
        if any(row["outcomes"]["first_start"][each.name] for row in rows)
    ]
    elsewhere = next(measure for measure in RECOVER if measure.key == "elsewhere.{start}")
    columns = [
        *select_columns(RECOVER, "technique"),
        *outcomes,
        *select_columns(RECOVER, "at_bound"),
        elsewhere.make_column("elsewhere", "first_start"),
        elsewhere.make_column("with\nrestarts", "recovered"),
    ]
    return Table("Outcomes of first starts, and elsewhere with restarts", rows, columns)


def _refine_rules(cells: list[Cell]) -> list[Row]:
    return [to_plain(row) for cell in cells if (row := measure_refinement(cell))]


def _describe(grid: Grid) -> list[str]:
    lines, config = [], grid.run["config"]
    if config.get("success") == "ever":
        lines.append(
            "Recovered: the error of z was below the bound at any update, not only at the end, as "
            'in the paper\'s code (success = "ever").'
        )
    if shared := grid.rows[0]["gradients_shared"]:
        lines.append(
            f"The gradients of each trial include {format_number(shared)} for the preparation of "
            "the run, which is divided among all trials."
        )
    lines += describe_same(grid.rows, grid.tables["same"])
    counts = [
        f"{row['technique']} {row['bound']['held']:,} of {row['bound']['converged']:,} "
        f"{format_interval(row['bound']['interval'], format_share)}"
        for row in grid.rows
        if row["bound"] and row["bound"]["converged"]
    ]
    if counts:
        lines.append(
            "Converged trials with an error of z within its estimated bound (from the image loss "
            "and the least eigenvalue of JᵀJ at some random z, as if the generator were linear): "
            f"{', '.join(counts)}. A trial converges if the bound is at most "
            f"{config.get('tolerance', 0):g}, or if the image equals the target in float32."
        )
    return lines


def _answer(grid: Grid) -> Answer:
    """Return how many latent vectors each clipping rule recovered, and at what cost."""
    rows = grid.rows
    any_update = " at any update" if grid.run["config"].get("success") == "ever" else ""
    epsilon = format_concise(rows[0]["threshold"])
    columns = [
        *select_columns(RECOVER, "technique", "trials"),
        Column("recovered", show=show_share(f"recovered.{epsilon}")),
        Column("at the\nfirst start", show=show_share(f"first_start.{epsilon}")),
        Column("gradients\n(median)", "gradients_median"),
        Column("acted\n(trials)", "acted"),
    ]
    if refined := {row["technique"]: row for row in grid.tables["polished"]}:
        count = show_share("recovered.1e-20")
        columns.append(
            Column("below 1e-20\nif refined", show=lambda row: count(refined[row["technique"]]))
        )
    else:
        columns.append(Column("seconds\n(mean)", "seconds"))
    title = f"Recovered by each --clip: mean squared z error below {epsilon}{any_update}"
    sentence = f"{_describe_recovered(rows)}{any_update}{_describe_cost(rows)}"
    is_alike = all(test["p"] >= LEVEL for test in grid.tables["mcnemar"])
    is_lbfgs = grid.run["config"].get("solver") == "lbfgs"
    warnings = [NO_DIFFERENCE] if len(rows) > 1 and is_lbfgs and is_alike else []
    return Answer(sentence, Table(title, rows, columns), warnings)


def _describe_recovered(rows: Sequence[Row]) -> str:
    epsilon = format_concise(rows[0]["threshold"])
    counts = {row["technique"]: (row["recovered"][epsilon], row["trials"]) for row in rows}
    if len(set(counts.values())) > 1:
        each = ", ".join(
            f"{count:,} of {trials:,} {describe_rule(rule)}"
            for rule, (count, trials) in counts.items()
        )
        return f"latent vectors recovered: {each}"
    count, trials = next(iter(counts.values()))
    rules = describe_rule(rows[0]["technique"])
    if len(counts) > 1:
        rules = f"under {'every' if count else 'any'} clipping rule"
    verb = "was" if 1 in (count, trials) else "were"
    noun = "latent vector" if trials == 1 else "latent vectors"
    return f"{count:,} of {trials:,} {noun} {verb} recovered {rules}"


def _describe_cost(rows: Sequence[Row]) -> str:
    medians = [row["gradients_median"] for row in rows if row["gradients_median"] is not None]
    if not medians:
        return ""
    cost = f", at {describe_span(medians, _format_gradients)} gradients each (median)"
    shared = rows[0]["gradients_shared"]  # the same for all trials
    if shared < NOTEWORTHY_SHARE * min(medians):
        return cost
    return f"{cost}, {_format_gradients(shared)} of them for measuring the generator once"


def _format_gradients(gradients: float) -> str:
    return f"{gradients:,.0f}" if gradients >= 10 else format_number(gradients)


RECOVER_COMMAND = Command(
    "table1",
    "table1",
    RECOVER,
    _answer,
    _make_sections,
    _describe,
    starts=("first_start", "recovered"),
    figures=(
        Drawing(draw_figure1, r"figure1-[\w-]+"),
        Drawing(draw_convergence, "convergence"),
    ),
    more={"polished": _refine_rules},
)
