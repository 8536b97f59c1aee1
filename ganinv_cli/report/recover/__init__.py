"""The report of `ganinv recover`: Table 1, Figure 1 and the paired tests."""

from typing import TYPE_CHECKING

from ganinv_cli.errors import ResultsError
from ganinv_cli.report.recover import numbers, tables
from ganinv_cli.report.recover.answer import make_answer
from ganinv_cli.report.recover.notes import make_notes
from ganinv_cli.report.report import Report, ReportModule
from ganinv_cli.report.rows import flatten, to_tables
from ganinv_cli.report.shared.run import describe_run

if TYPE_CHECKING:
    from ganinv_cli.store import Results


def summarize(results: "Results", name: str) -> Report:
    """Return the report of results; `name` is shown to the reader.

    Raises ResultsError if there is no trial to count.
    """
    groups = numbers.select_groups(results)
    if not groups:
        raise ResultsError(f"{name}: no trial of a clipping rule is saved yet; let its run go on")
    ever = numbers.counts_any_update(results)
    if ever and any("z_error_least" not in group for group in groups.values()):
        raise ResultsError(
            f"{name}: success 'ever' needs the column z_error_least, which is not there"
        )
    table1 = numbers.make_rows(results)
    same = numbers.find_same_rules(results)
    mcnemar = numbers.compare_rules(results, same)
    refinement = numbers.make_refinement_rows(groups)
    run = describe_run(results, results.attributes.get("config", {}).get("clip", ()))
    return Report(
        name,
        make_answer(run, table1, refinement),
        to_tables(table1=table1, mcnemar=mcnemar, same=same, polished=refinement),
        tables.make_sections(table1, mcnemar, refinement),
        make_notes(run, table1, same),
        run,
        [flatten(row) | numbers.collect_p_values(mcnemar, row.technique) for row in table1],
    )


REPORT = ReportModule(__name__, "table1", summarize, numbers.classify_failures)
