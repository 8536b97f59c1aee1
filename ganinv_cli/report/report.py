"""What a report holds, and how it is made of a command's description."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ganinv_cli.analysis.cells import Cell, read_cells, read_images
from ganinv_cli.errors import ResultsError
from ganinv_cli.number_format import format_concise
from ganinv_cli.report.measures import EVERY, Measure, Starts, measure_cell
from ganinv_cli.report.pairs import TESTS, find_same
from ganinv_cli.report.run import capitalize, describe_run, make_run_notes, make_warnings
from ganinv_cli.report.table import (
    Column,
    Row,
    Table,
    describe_unread,
    flatten,
    make_unread_rows,
    make_unread_table,
)
from ganinv_cli.settings.names import image_group, list_trial_groups

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ganinv_cli.store import Results


NEEDED = {"acted", "actions", "shared", "first/at_bound"}  # columns that files of 1.0 may lack


class Answer(NamedTuple):
    """The end of a command on a terminal: the answer to its question, and a short table."""

    sentence: str
    table: Table | None  # cells have one line each; None if there is nothing to count
    warnings: Sequence[str] = ()  # a short sentence each
    counted: str = ""  # key of the rows by whose values those that the table leaves out are counted


class DrawnFigure(NamedTuple):
    """A figure, its alternative text and its caption."""

    figure: "Figure"
    alt: str  # the finding
    caption: str


class Drawing(NamedTuple):
    """Figures of a command."""

    draw: "Callable[[Report], dict[str, DrawnFigure]]"  # by the stem of their files
    stems: str  # regular expression of all stems that it may return


@dataclass(frozen=True)
class Report:
    """The content of one results file's report, each number computed once for all formats."""

    name: str  # of the results, for the reader
    stem: str  # of the files that hold its tables
    answer: Answer
    tables: dict[str, list[Row]]  # "tables" of the JSON; the command's main table comes first
    sections: list[Table]  # for text, Markdown, LaTeX and HTML
    notes: list[str]  # on missing trials, on the run, and on what was found
    run: Row  # provenance and totals, as `run.describe_run` returns them
    csv: list[Row]  # flat rows, one line each
    cells: list[Cell] = field(default_factory=list)
    results: "Results | None" = None  # None: a comparison of several
    drawings: Sequence[Drawing] = ()

    @property
    def rows(self) -> list[Row]:
        """The main table, a row for each cell."""
        return next(iter(self.tables.values()))

    def draw(self) -> dict[str, DrawnFigure]:
        """Return the figures by the stem of their files."""
        with np.errstate(all="ignore"):  # an edited file can hold any number
            drawn = [each.draw(self) for each in self.drawings]
        return {stem: figure for figures in drawn for stem, figure in figures.items()}


class Grid(NamedTuple):
    """What a command has to say its answer: the cells of its results, and their numbers."""

    results: "Results"
    cells: list[Cell]
    rows: list[Row]  # the main table
    tables: dict[str, list[Row]]  # all
    run: Row


@dataclass(frozen=True)
class Command:
    """What the report of one command shows."""

    table: str  # key of the main table in the JSON: a row for each cell
    stem: str  # of the files that hold the tables
    measures: Sequence[Measure]  # of a row
    answer: Callable[[Grid], Answer]  # without full stop, without warnings on the run
    make_sections: Callable[[Grid], list[Table]]  # a table without rows is left out
    describe: Callable[[Grid], list[str]] = lambda _: []  # notes, after those on the run
    starts: Starts = ("first_start", "with_restarts")
    figures: Sequence[Drawing] = ()
    # other tables of the JSON, by their keys
    more: Mapping[str, Callable[[list[Cell]], list[Row]]] = field(default_factory=dict)

    def summarize(self, results: "Results", name: str) -> Report:
        """Return the report of results; `name` is shown to the reader.

        Raises ResultsError if there is nothing to count.
        """
        cells, images = read_cells(results), read_images(results)
        unread = make_unread_rows(images)
        if not cells and not unread:
            raise ResultsError(f"{name}: no trial is saved yet; let its run go on")
        for cell in cells:
            needed = {*NEEDED, "z_error_least"} if cell.at_any_update else NEEDED
            if lacking := sorted(needed - set(cell.columns)):
                raise ResultsError(
                    f"{name}: there is no column {lacking[0]}; use the ganinv that wrote the file"
                )
        measures = (*self.measures, *EVERY)
        tables = {self.table: [measure_cell(cell, measures, self.starts) for cell in cells]}
        tests = [test for test in TESTS if test.command == results.attributes["command"]]
        if tests:
            same = find_same(cells, self.starts)
            tables |= {test.table: test.make_rows(cells, same, self.starts) for test in tests}
            tables["same"] = same
        tables |= {key: make_rows(cells) for key, make_rows in self.more.items()}
        config = results.attributes.get("config", {})
        groups = list_trial_groups(config)
        if images:
            tables["unread"] = unread
            read = [image.number for image in images if not image.error]
            groups = [image_group(each, rule) for each in read for rule in config.get("clip", ())]
        run = describe_run(results, groups)
        grid = Grid(results, cells, tables[self.table], tables, run)
        answer = self.answer(grid) if cells else Answer("", None)
        warnings = [*make_warnings(run), *answer.warnings]
        sections = self._make_tables(grid) if cells else []
        said = "; ".join(filter(None, (answer.sentence, describe_unread(unread))))
        return Report(
            name,
            self.stem,
            answer._replace(sentence=f"{capitalize(said)}.", warnings=warnings),
            tables,
            [
                _name_threshold(table, results.threshold)
                for table in (*sections, make_unread_table(unread))
                if table.rows
            ],
            [*make_run_notes(run), *(self.describe(grid) if cells else [])],
            run,
            [flatten(row) for row in grid.rows],
            cells,
            results,
            self.figures,
        )

    def _make_tables(self, grid: Grid) -> list[Table]:
        """Return the tables with the columns of their topics; a topic without a table gets one."""
        columns: dict[str, list[Column]] = {}
        for measure in (*self.measures, *EVERY):
            if measure.topic:
                columns.setdefault(measure.topic, []).extend(measure.make_columns(self.starts))
        tables = [
            replace(table, columns=[*table.columns, *columns.pop(table.topic, [])])
            for table in self.make_sections(grid)
        ]
        names = tables[0].columns[:1]  # of the grid's rows
        return tables + [
            Table(capitalize(topic), grid.rows, [*names, *own]) for topic, own in columns.items()
        ]


def _name_threshold(table: Table, threshold: float) -> Table:
    """Return a table whose title and help name the threshold of *recovered*."""

    def fill(text: str) -> str:
        return text.replace("{threshold}", format_concise(threshold))

    columns = [replace(column, help=fill(column.help)) for column in table.columns]
    return replace(table, title=fill(table.title), columns=columns)
