"""What a report holds, and how it is made by the kind of report."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.results.analysis.trial_sets import TrialSet, read_images, read_trial_sets
from ganinv_cli.results.number_format import format_concise
from ganinv_cli.results.report.measures import RIGHT_LABELS, Measure, Starts, measure_trial_set
from ganinv_cli.results.report.pairs import TESTS, PairedTest, describe_copies, list_pairs
from ganinv_cli.results.report.run_notes import (
    describe_run,
    group_cells,
    make_run_notes,
    make_run_remarks,
    state_progress,
)
from ganinv_cli.results.report.table import (
    Column,
    Row,
    Table,
    capitalize,
    describe_changes,
    describe_unread,
    flatten,
    make_unread_rows,
    make_unread_table,
    name_rows,
)
from ganinv_cli.results.store.read import NO_TRIAL

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ganinv_cli.results.store import Results


class Answer(NamedTuple):
    """What a command says at its end, above and below the first table of its report."""

    sentence: str
    remarks: Sequence[str] = ()  # a short sentence each


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
    notes: list[str]  # on the run, and on what was found
    run: Row  # provenance and totals, as `describe_run` returns them
    csv: list[Row]  # flat rows, one line each
    trial_sets: list[TrialSet] = field(default_factory=list)
    results: "Results | None" = None  # None: a comparison of several
    kind: "ReportKind | None" = None  # the same

    @property
    def rows(self) -> list[Row]:
        """The main table, a row for each trial set."""
        return next(iter(self.tables.values()))

    def draw(self) -> dict[str, DrawnFigure]:
        """Return the figures by the stem of their files."""
        figures: dict[str, DrawnFigure] = {}
        with np.errstate(all="ignore"):  # a trial can end with any number
            for drawing in self.kind.figures if self.kind else ():
                figures |= drawing.draw(self)
        return figures


class Grid(NamedTuple):
    """What a command has to say its answer: the trial sets of its results, and their numbers."""

    results: "Results"
    measures: Sequence[Measure]
    starts: Starts
    trial_sets: list[TrialSet]
    rows: list[Row]  # the main table: a row for each trial set
    tables: dict[str, list[Row]]  # all
    run: Row

    def make_table(
        self, title: str, *wanted: str | Column, rows: Sequence[Row] | None = None
    ) -> Table:
        """Return a table of the grid's rows, or of others, that begins with what each is of.

        `wanted` has columns and keys of measures; one that no row has is left out. The measures on
        the topic of the title are the last columns.
        """
        rows = self.rows if rows is None else rows
        by_key = {measure.key: measure for measure in self.measures}
        columns = name_rows(rows)
        for each in wanted:
            if isinstance(each, Column):
                columns.append(each)
            elif any(each.partition(".")[0] in row for row in rows):
                columns.append(by_key[each].make_column())
        for measure in self.list_measures(title):
            columns += measure.make_columns(self.starts)
        return Table(title, rows, columns)

    def list_measures(self, title: str) -> list[Measure]:
        """Return the measures whose topic a title begins with."""
        return [each for each in self.measures if each.topic and title.startswith(each.topic)]


# title and columns, or a function of what has several tables or none
Section = tuple[str, Sequence[str | Column]] | Callable[[Grid], Iterable[Table]]


@dataclass(frozen=True)
class ReportKind:
    """What the report of one command shows."""

    table: str  # key of the main table in the JSON: a row for each trial set
    stem: str  # of the files that hold the tables
    measures: Sequence[Measure]  # of a row
    answer: Callable[[Grid], Answer]  # without full stop, without remarks on the run
    # Tables; one without rows is left out. The command ends with the first one. Those of labels,
    # tests and other topics follow.
    sections: Sequence[Section]
    describe: Callable[[Grid], list[str]] = lambda _: []  # notes, after those on the run
    starts: Starts = ("first_start", "with_restarts")
    figures: Sequence[Drawing] = ()
    # other tables of the JSON, by their keys; from the results, and their trial sets
    more: Mapping[str, Callable[["Results", list[TrialSet]], list[Row]]] = field(
        default_factory=dict
    )

    def summarize(self, results: "Results", name: str) -> Report:
        """Return the report of results; `name` is shown to the reader.

        Raises ResultsError if there is nothing to count.
        """
        trial_sets, images = read_trial_sets(results), read_images(results)
        unread = make_unread_rows(images)
        if not trial_sets and not unread:
            raise ResultsError(f"{name}: {NO_TRIAL}")
        rows = [
            measure_trial_set(replace(trial_set), self.measures, self.starts)
            for trial_set in trial_sets
        ]
        by_group = group_cells(trial_sets, images, results.attributes.get("config", {}))
        tables, run = {self.table: rows}, describe_run(results, by_group)
        tests = [test for test in TESTS if test.command == results.attributes["command"]]
        pairs = list_pairs(trial_sets, self.starts) if tests else []
        tables |= {test.table: test.make_rows(pairs) for test in tests}
        tables |= {key: make_rows(results, trial_sets) for key, make_rows in self.more.items()}
        tables |= {"unread": unread} if images else {}
        answer, notes, sections = Answer(""), make_run_notes(run), []
        if trial_sets:
            grid = Grid(results, self.measures, self.starts, trial_sets, rows, tables, run)
            answer = self.answer(grid)
            notes += describe_changes(rows) if images else []
            notes += [*self.describe(grid), *describe_copies(rows)]
            sections = self._make_tables(grid, tests)
        said = "; ".join(filter(None, (answer.sentence, describe_unread(unread))))
        return Report(
            name,
            self.stem,
            Answer(
                f"{capitalize(state_progress(run, by_group) + said)}.",
                [*make_run_remarks(run), *answer.remarks],
            ),
            tables,
            [
                _name_threshold(table, results.threshold)
                for table in (*sections, make_unread_table(unread))
                if table.rows
            ],
            notes,
            run,
            [flatten(row) for row in rows],
            trial_sets,
            results,
            self,
        )

    def _make_tables(self, grid: Grid, tests: Sequence[PairedTest]) -> list[Table]:
        tables: list[Table] = []
        for section in self.sections:
            if callable(section):
                tables += section(grid)
            else:
                title, columns = section
                tables.append(grid.make_table(title, *columns))
        if labelled := [row for row in grid.rows if "labels" in row]:
            title = "Trials that found the right label"
            tables.append(grid.make_table(title, "trials", *RIGHT_LABELS, rows=labelled))
        tables += [test.make_table(grid.tables[test.table]) for test in tests]
        topics = dict.fromkeys(measure.topic for measure in grid.measures if measure.topic)
        shown = {each.topic for table in tables for each in grid.list_measures(table.title)}
        return tables + [grid.make_table(topic) for topic in topics if topic not in shown]


def _name_threshold(table: Table, threshold: float) -> Table:
    """Return a table whose texts have the threshold that they leave open."""

    def fill(text: str) -> str:
        return text.replace("{threshold}", format_concise(threshold))

    columns = [replace(column, help=fill(column.help)) for column in table.columns]
    return replace(table, title=fill(table.title), columns=columns)
