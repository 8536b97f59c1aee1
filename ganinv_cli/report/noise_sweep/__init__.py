"""The report of `ganinv noise-sweep`: the paper's Figure 2, and tests of its two claims."""

from typing import TYPE_CHECKING

from ganinv_cli.errors import ResultsError
from ganinv_cli.report.noise_sweep import claims, numbers, tables
from ganinv_cli.report.noise_sweep.answer import make_answer
from ganinv_cli.report.noise_sweep.notes import make_notes
from ganinv_cli.report.report import Report, ReportModule
from ganinv_cli.report.rows import flatten, to_tables
from ganinv_cli.report.shared.run import describe_run

if TYPE_CHECKING:
    from ganinv_cli.store import Results


def summarize(results: "Results", name: str) -> Report:
    """Return the report of results; `name` is shown to the reader.

    Raises ResultsError if there is no trial to count.
    """
    cells = numbers.read_cells(results)
    if not cells:
        raise ResultsError(f"{name}: no trial under noise is saved yet; let its run go on")
    sweep = numbers.make_rows(results, cells)
    same = claims.find_same_rules(cells)
    slopes, comparisons = claims.fit_slopes(cells), claims.compare_rules(cells, same)
    run = describe_run(results, numbers.list_trial_groups(results.attributes.get("config", {})))
    return Report(
        name,
        make_answer(run, sweep, slopes, comparisons),
        to_tables(noise_sweep=sweep, slopes=slopes, comparisons=comparisons, same=same),
        tables.make_sections(sweep, slopes, comparisons),
        make_notes(run, sweep, comparisons, same),
        run,
        [flatten(row) for row in sweep],
    )


REPORT = ReportModule(
    __name__, "noise-sweep", summarize, list_trial_groups=numbers.list_trial_groups
)
