"""Table 1 and its companions in words."""

from ganinv_cli.outcome import Outcome
from ganinv_cli.report.output.number_format import decimal, number, scientific
from ganinv_cli.report.report import Row, Section
from ganinv_cli.report.shared import labels
from ganinv_cli.report.shared.run import run_notes
from ganinv_cli.statistics import EPSILONS, SMALLEST

WORDS = {"first_start": "First start", "recovered": "With restarts"}


def sections(table1: list[Row], mcnemar: list[Row], polished: list[Row]) -> list[Section]:
    """Table 1 for both ways of counting, what polishing added, endings, costs, paired tests."""
    tables = [
        *(_shares(table1, counted) for counted in WORDS),
        *([_polished(polished)] if polished else []),
        *labels.sections(table1, "technique", lambda row: str(row["technique"])),
        *(_endings(table1, counted) for counted in WORDS),
        _costs(table1),
    ]
    return [*tables, _tests(mcnemar)] if mcnemar else tables


def notes(run: Row, table1: list[Row]) -> list[str]:
    """What is missing, what was run, and how to read the tables."""
    lines = run_notes(run)
    if run["config"].get("success") == "ever":
        lines.append(
            "Recovered: z was below the bound at any update, be it not at the end, as the paper's "
            'code counted (success = "ever").'
        )
    lines.append(
        "[a, b]: exact 95 % interval (Clopper-Pearson). Elsewhere: converged, as far as the image "
        f"loss tells, to a z whose error is not below {SMALLEST}. At bound: mean number of "
        "components of z at a bound of the prior, over the first starts that did not reach "
        f"{SMALLEST}."
    )
    return lines + _bound(run, table1) + labels.notes(table1)


def _bound(run: Row, table1: list[Row]) -> list[str]:
    """How often the bound held by which trials converge."""
    counts = [
        f"{row['technique']} {row['bound']['held']:,} of {row['bound']['converged']:,} "
        f"{_interval(row['bound']['interval'])}"
        for row in table1
        if row["bound"] and row["bound"]["converged"]
    ]
    if not counts:
        return []
    return [
        "Bound: were the generator linear around it, the loss would bound the error of z. A trial "
        f"converges where that bound is at most {run['config'].get('tolerance', 0):g}, or where "
        "float32 cannot tell its image from the one that is sought. Of those that did, the error "
        f"was within the bound: {', '.join(counts)}."
    ]


def _interval(ends: list[float]) -> str:
    return f"[{', '.join(map(decimal, ends))}]"


def _polished(polished: list[Row]) -> Section:
    return Section(
        "Polished in float64: trials with mean squared z error below 1e-20",
        ("technique", "trials", "1e-20", "z error\nmedian", "gradients\nmean", "seconds\nmean"),
        [
            (
                row["technique"],
                f"{row['trials']:,}",
                f"{_counted(row['recovered']['1e-20'], row['trials'])}\n"
                f"{_interval(row['interval'])}",
                scientific(row["z_error_median"]),
                number(row["gradients"]),
                number(row["seconds"]),
            )
            for row in polished
        ],
    )


def _counted(count: int, trials: int) -> str:
    return f"{count:,} {decimal(count / trials)}"


def _shares(table1: list[Row], counted: str) -> Section:
    return Section(
        f"The paper's Table 1, {WORDS[counted].lower()}: trials with mean squared z error below",
        ("technique", "trials", *EPSILONS),
        [
            (row["technique"], f"{row['trials']:,}", *(_share(row, counted, e) for e in EPSILONS))
            for row in table1
        ],
    )


def _share(row: Row, counted: str, bound: str) -> str:
    count = row[counted][bound]
    lines = [_counted(count, row["trials"]), _interval(row["intervals"][counted][bound])]
    if counted == "first_start" and row["paper"]:  # the paper's runs had no restarts
        lines.append(f"paper {decimal(row['paper'][bound])}")
    return "\n".join(lines)


def _endings(table1: list[Row], counted: str) -> Section:
    first = counted == "first_start"
    names = [outcome.name.replace("_", "\n") for outcome in Outcome]
    return Section(
        f"{WORDS[counted]}: how the trials ended",
        ("technique", *names, "elsewhere", *(["at bound"] if first else [])),
        [
            (
                row["technique"],
                *(f"{count:,}" for count in row["outcomes"][counted].values()),
                f"{row['elsewhere'][counted]:,}",
                *([number(row["at_bound"])] if first else []),
            )
            for row in table1
        ],
    )


def _costs(table1: list[Row]) -> Section:
    header = {
        "gradients\nmean": "gradients",
        "gradients\nmedian": "gradients_median",
        "first start\nmean": "gradients_first_start",
        "seconds\nmean": "seconds",
        "restarts\nmean": "restarts",
        "redraws\nmean": "redraws",
    }
    return Section(
        "What a trial cost",
        ("technique", *header),
        [(row["technique"], *(number(row[key]) for key in header.values())) for row in table1],
    )


def _tests(mcnemar: list[Row]) -> Section:
    return Section(
        f"McNemar's exact test between techniques at {SMALLEST}, paired by trial",
        ("techniques", "counted", "trials", "only the\nfirst", "only the\nsecond", "p"),
        [
            (
                f"{row['first']}, {row['second']}",
                WORDS[row["counted"]].lower(),
                *(f"{row[key]:,}" for key in ("trials", "only_first", "only_second")),
                f"{row['p']:.2g}",
            )
            for row in mcnemar
        ],
    )
