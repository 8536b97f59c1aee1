"""The report of `ganinv recover`: Table 1, the refinement in float64, and paired tests."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ganinv_cli.analysis.groups import share_gradients
from ganinv_cli.errors import ResultsError
from ganinv_cli.number_format import (
    format_count,
    format_interval,
    format_number,
    format_scientific,
    format_share,
)
from ganinv_cli.outcome import Outcome
from ganinv_cli.report.recover.rows import (
    COLUMN_PREFIXES,
    collect_p_values,
    compare_rules,
    extrapolate_rules,
    find_same_rules,
    make_refinement_row,
    make_row,
    select_errors,
    select_groups,
)
from ganinv_cli.report.report import Answer, Report, ReportModule
from ganinv_cli.report.rules import (
    ACTED,
    ACTIONS,
    count_right_labels,
    make_label_tables,
    make_rule_notes,
)
from ganinv_cli.report.run import (
    capitalize,
    describe_rule,
    describe_run,
    describe_span,
    make_run_notes,
    make_warnings,
)
from ganinv_cli.report.table import Column, Row, Table, flatten, to_plain
from ganinv_cli.statistics import EPSILONS, SMALLEST_EPSILON
from ganinv_cli.statistics.descent import POINTS

if TYPE_CHECKING:
    from ganinv_cli.store import Results

NOTEWORTHY_SHARE = 0.1  # of a trial's gradients: its share of what the run measures once


def summarize(results: "Results", name: str) -> Report:
    """Return the report of results; `name` is shown to the reader.

    Raises ResultsError if there is no trial to count.
    """
    groups = select_groups(results)
    if not groups:
        raise ResultsError(f"{name}: no trial of a clipping rule is saved yet; let its run go on")
    any_update = results.attributes.get("config", {}).get("success") == "ever"
    if any_update and any("z_error_least" not in group for group in groups.values()):
        raise ResultsError(
            f"{name}: success 'ever' needs the column z_error_least, which is not there"
        )
    errors = {rule: select_errors(group, any_update) for rule, group in groups.items()}
    shared = share_gradients(results)
    table1 = [
        to_plain(make_row(rule, group, errors[rule], shared) | count_right_labels(results, group))
        for rule, group in groups.items()
    ]
    polished = [
        to_plain(make_refinement_row(rule, group))
        for rule, group in groups.items()
        if "polished/z_error" in group
    ]
    same = find_same_rules(groups)
    mcnemar = compare_rules(groups, errors, same)
    extrapolated = [to_plain(row) for row in extrapolate_rules(results, groups)]
    run = describe_run(results, results.attributes.get("config", {}).get("clip", ()))
    return Report(
        name,
        _make_answer(run, table1, polished),
        {
            "table1": table1,
            "mcnemar": mcnemar,
            "same": same,
            "polished": polished,
            **({"extrapolated": extrapolated} if extrapolated else {}),
        },
        _make_tables(table1, mcnemar, polished, extrapolated),
        _make_notes(run, table1, same),
        run,
        [
            flatten(row) | collect_p_values(mcnemar, row["technique"], list(groups))
            for row in table1
        ],
    )


REPORT = ReportModule(__name__, "table1", summarize, figures=r"figure1-\w+|convergence")


CLIPPING = Column("clipping", "technique")
TRIALS = Column("trials", "trials")
INTERVAL_HELP = "[a, b]: exact 95 % interval (Clopper-Pearson)."
ELSEWHERE_HELP = (
    f"Elsewhere: converged by the image loss, but the error of z is not below {SMALLEST_EPSILON}."
)
REFINEMENT = (
    CLIPPING,
    TRIALS,
    Column(
        "1e-20",
        show=lambda row: format_count(row["recovered"]["1e-20"], row["trials"], row["interval"]),
        help=INTERVAL_HELP,
    ),
    Column("z error\nmedian", "z_error_median", format_scientific),
    Column("gradients\nmean", "gradients"),
    Column("seconds\nmean", "seconds"),
)
COSTS = (
    CLIPPING,
    Column("gradients\nmean", "gradients"),
    Column("gradients\nmedian", "gradients_median"),
    Column("first start\nmean", "gradients_first_start"),
    Column("seconds\nmean", "seconds"),
    Column("restarts\nmean", "restarts"),
)
COUNTING_TITLES = {"first_start": "first start", "recovered": "with restarts"}
TESTS = (
    Column("clipping", show=lambda row: f"{row['first']}, {row['second']}"),
    Column("counted", "counted", COUNTING_TITLES.__getitem__),
    TRIALS,
    Column("only the\nfirst", "only_first"),
    Column("only the\nsecond", "only_second"),
    Column("p", "p", "{:.2g}".format),
)


def _make_tables(
    table1: list[Row], mcnemar: list[Row], polished: list[Row], extrapolated: list[Row]
) -> list[Table]:
    """Return the tables, Table 1 first; a table without rows is left out."""
    tables = [
        *(_make_shares_table(table1, counting) for counting in COLUMN_PREFIXES),
        Table("Refined in float64: trials with mean squared z error below", polished, REFINEMENT),
        *make_label_tables(table1, CLIPPING),
        _make_outcomes_table(table1),
        Table("Cost per trial", table1, [*COSTS, ACTIONS]),
        Table(
            f"McNemar's exact test between clipping rules at {SMALLEST_EPSILON}, paired by trial",
            mcnemar,
            TESTS,
        ),
        _make_extrapolation_table(extrapolated),
    ]
    return [table for table in tables if table.rows]


def _make_shares_table(table1: list[Row], counting: str) -> Table:
    def count_below(epsilon: str) -> Callable[[Row], str]:
        def show(row: Row) -> str:
            interval = row["intervals"][counting][epsilon]
            share = format_count(row[counting][epsilon], row["trials"], interval)
            if counting == "first_start" and row["paper"]:  # the paper's runs had no restarts
                return f"{share}\npaper {format_share(row['paper'][epsilon])}"
            return share

        return show

    is_first = counting == "first_start"
    acted = Column("acted", "acted_first_start" if is_first else "acted", help=ACTED.help)
    trials = {row["trials"] for row in table1}
    columns = [
        CLIPPING,
        *([TRIALS] if len(trials) > 1 else []),  # else in the title: the table fits 80 columns
        *([acted] if any(row["acted"] is not None for row in table1) else []),
        *(Column(name, show=count_below(name), help=INTERVAL_HELP) for name in EPSILONS),
    ]
    count = f"{trials.pop():,} trials" if len(trials) == 1 else "trials"
    title = f"The paper's Table 1, {COUNTING_TITLES[counting]}: {count}, mean squared z error below"
    return Table(title, table1, columns)


def _make_extrapolation_table(extrapolated: list[Row]) -> Table:
    def show_share(epsilon: str) -> Callable[[Row], str]:
        def show(row: Row) -> str:
            predicted = format_share(row["predicted"][epsilon])
            measured = row["measured"]
            return f"{predicted}\nis {format_share(measured[epsilon])}" if measured else predicted

        return show

    updates = f"{extrapolated[0]['updates']:,}" if extrapolated else ""
    first, second = (f"{each:,}" for each in POINTS)
    falling = Column(
        "still\nfalling",
        "falling",
        help=f"Still falling: trials whose error after {second} updates is below that after "
        f"{first}. The shares are those of the errors that these two predict after {updates} "
        "updates, on a straight line in the logarithm; is: as measured.",
    )
    shares = (Column(name, show=show_share(name)) for name in EPSILONS)
    title = f"Extrapolated to {updates} updates: share of trials with a mean squared z error below"
    return Table(title, extrapolated, [CLIPPING, TRIALS, falling, *shares])


def _make_outcomes_table(table1: list[Row]) -> Table:
    outcomes = [
        Column(each.name.replace("_", "\n"), f"outcomes.first_start.{each.name}")
        for each in Outcome
        if any(row["outcomes"]["first_start"][each.name] for row in table1)
    ]
    at_bound = Column(
        "at\nbound",
        "at_bound",
        help="At bound: mean number of components of z at a bound of the prior, over the first "
        f"starts that did not reach {SMALLEST_EPSILON}.",
    )
    elsewhere = [
        Column("elsewhere", "elsewhere.first_start", help=ELSEWHERE_HELP),
        Column("with\nrestarts", "elsewhere.recovered"),
    ]
    columns = [CLIPPING, *outcomes, at_bound, *elsewhere]
    return Table("Outcomes of first starts, and elsewhere with restarts", table1, columns)


def _make_notes(run: Row, table1: list[Row], same: list[Row]) -> list[str]:
    """Return notes on missing trials, on the run, and on what the numbers include."""
    lines = make_run_notes(run)
    if run["config"].get("success") == "ever":
        lines.append(
            "Recovered: the error of z was below the bound at any update, not only at the end, as "
            'in the paper\'s code (success = "ever").'
        )
    if shared := table1[0]["gradients_shared"]:
        lines.append(
            f"The gradients of each trial include {format_number(shared)} for the preparation of "
            "the run, which is divided among all trials."
        )
    lines += make_rule_notes(same, table1)
    counts = [
        f"{row['technique']} {row['bound']['held']:,} of {row['bound']['converged']:,} "
        f"{format_interval(row['bound']['interval'], format_share)}"
        for row in table1
        if row["bound"] and row["bound"]["converged"]
    ]
    if counts:
        lines.append(
            "Converged trials with an error of z within its estimated bound (from the image loss "
            "and the least eigenvalue of JᵀJ at some random z, as if the generator were linear): "
            f"{', '.join(counts)}. A trial converges if the bound is at most "
            f"{run['config'].get('tolerance', 0):g}, or if the image equals the target in float32."
        )
    return lines


def _make_answer(run: Row, table1: Sequence[Row], polished: Sequence[Row]) -> Answer:
    """Return how many latent vectors each clipping rule recovered, and at what cost."""
    any_update = " at any update" if run["config"].get("success") == "ever" else ""
    refined = {row["technique"]: row for row in polished}

    def count(counting: str) -> Callable[[Row], str]:
        return lambda row: format_count(row[counting][SMALLEST_EPSILON], row["trials"])

    def count_exact(row: Row) -> str:
        found = refined.get(row["technique"])
        return format_count(found["recovered"]["1e-20"], found["trials"]) if found else "-"

    columns = [
        CLIPPING,
        TRIALS,
        Column("recovered", show=count("recovered")),
        Column("at the\nfirst start", show=count("first_start")),
        Column("gradients\n(median)", "gradients_median"),
        *(
            [Column("acted\n(trials)", "acted")]
            if any(row["acted"] is not None for row in table1)
            else []
        ),
        Column("below 1e-20\nif refined", show=count_exact)
        if refined
        else Column("seconds\n(mean)", "seconds"),
    ]
    title = f"Recovered by each --clip: mean squared z error below {SMALLEST_EPSILON}{any_update}"
    return Answer(
        f"{capitalize(_describe_recovered(table1))}{any_update}{_describe_cost(table1)}.",
        Table(title, table1, columns),
        make_warnings(run),
    )


def _describe_recovered(table1: Sequence[Row]) -> str:
    counts = {
        row["technique"]: (row["recovered"][SMALLEST_EPSILON], row["trials"]) for row in table1
    }
    if len(set(counts.values())) > 1:
        each = ", ".join(
            f"{count:,} of {trials:,} {describe_rule(rule)}"
            for rule, (count, trials) in counts.items()
        )
        return f"latent vectors recovered: {each}"
    count, trials = next(iter(counts.values()))
    rules = describe_rule(table1[0]["technique"])
    if len(counts) > 1:
        rules = f"under {'every' if count else 'any'} clipping rule"
    verb = "was" if 1 in (count, trials) else "were"
    noun = "latent vector" if trials == 1 else "latent vectors"
    return f"{count:,} of {trials:,} {noun} {verb} recovered {rules}"


def _describe_cost(table1: Sequence[Row]) -> str:
    medians = [row["gradients_median"] for row in table1 if row["gradients_median"] is not None]
    if not medians:
        return ""
    cost = f", at {describe_span(medians, _format_gradients)} gradients each (median)"
    shared = table1[0]["gradients_shared"]  # the same for all trials
    if shared < NOTEWORTHY_SHARE * min(medians):
        return cost
    return f"{cost}, {_format_gradients(shared)} of them for measuring the generator once"


def _format_gradients(gradients: float) -> str:
    return f"{gradients:,.0f}" if gradients >= 10 else format_number(gradients)
