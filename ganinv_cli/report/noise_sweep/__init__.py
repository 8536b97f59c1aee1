"""`ganinv noise-sweep`: the numbers behind the paper's Figure 2, and tests of its two claims."""

from typing import TYPE_CHECKING

from ganinv_cli.errors import ResultsError
from ganinv_cli.report.noise_sweep import claims, numbers, tables
from ganinv_cli.report.noise_sweep import notes as words
from ganinv_cli.report.output.plain_numbers import flatten
from ganinv_cli.report.report import DrawnFigure, Report, ReportModule, Row
from ganinv_cli.report.shared import labels
from ganinv_cli.report.shared.run import describe_run

if TYPE_CHECKING:
    from ganinv_cli.store import Results


def summarize(results: "Results", name: str) -> Report:
    """Count everything once. `name` is what the reader calls these results.

    Raises ResultsError when there is no trial to count.
    """
    cells = numbers.read_cells(results)
    if not cells:
        raise ResultsError(f"{name}: no trial under noise is saved yet; let its run go on")
    sweep = _make_rows(results, cells)
    slopes, comparisons = claims.fit_slopes(cells), claims.compare_rules(cells)
    run = describe_run(results, numbers.list_trial_groups(results.attributes.get("config", {})))
    return Report(
        name,
        {"noise_sweep": sweep, "slopes": slopes, "comparisons": comparisons},
        tables.make_sections(sweep, slopes, comparisons),
        words.make_notes(run, sweep, comparisons),
        run,
        [flatten(row) for row in sweep],
    )


def draw(results: "Results") -> dict[str, DrawnFigure]:
    """Figure 2a, of the first start too where that differs, and 2b for each variance drawn."""
    from ganinv_cli.report.noise_sweep import figures  # slow to import

    cells = numbers.read_cells(results)
    return figures.draw(results, _make_rows(results, cells) if cells else [])


def _make_rows(results: "Results", cells: list[numbers.Cell]) -> list[Row]:
    trials = sum(len(cell.group["trial"]) for cell in cells)
    shared = float(results.constants.get("shared_gradients", 0)) / trials
    rows = numbers.make_rows(cells, shared)
    return [
        row | labels.count_right_labels(results, cell.group)
        for row, cell in zip(rows, cells, strict=True)
    ]


REPORT = ReportModule("noise-sweep", summarize, draw, list_trial_groups=numbers.list_trial_groups)
