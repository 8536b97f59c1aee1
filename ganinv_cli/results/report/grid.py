"""What a report holds, and how it is made by the kind of report."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ganinv_cli.errors import ResultsError
from ganinv_cli.results.analysis.trial_sets import Pixels, TrialSet, read_images, read_trial_sets
from ganinv_cli.results.number_format import format_concise
from ganinv_cli.results.report.measures import RIGHT_LABELS, Measure, Starts, measure_trial_set
from ganinv_cli.results.report.pairs import TESTS, PairedTest, compare_pairs, describe_same
from ganinv_cli.results.report.run_notes import (
    describe_run,
    group_cells,
    make_run_notes,
    make_warnings,
    state_preparation,
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


Wanted = str | tuple[str, str] | Column  # key of a measure, perhaps with another heading


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
        self,
        title: str,
        *wanted: Wanted,
        rows: Sequence[Row] | None = None,
        one_line: bool = False,
    ) -> Table:
        """Return a table of the grid's rows, or of some, that begins with what each is of.

        A measure that no row has is left out. The measures whose topic is the title are the last
        columns. With `one_line` the names have no second line.
        """
        by_key = {measure.key: measure for measure in self.measures}
        columns = name_rows(self.rows, one_line=one_line)
        for each in wanted:
            if isinstance(each, Column):
                columns.append(each)
                continue
            key, heading = (each, "") if isinstance(each, str) else each
            if any(key.partition(".")[0] in row for row in self.rows):
                columns.append(by_key[key].make_column(heading))
        for measure in self.measures:
            if measure.topic == title:
                columns += measure.make_columns(self.starts)
        return Table(title, self.rows if rows is None else rows, columns)

    def add_brief_columns(self, answer: Answer) -> Answer:
        """Return the answer with the columns of `brief` measures, if its table is of the rows."""
        columns = [
            column for each in self.list_brief() for column in each.make_columns(self.starts)
        ]
        if not answer.table or any(row not in self.rows for row in answer.table.rows):
            return answer
        table = replace(answer.table, columns=[*answer.table.columns, *columns])
        return answer._replace(table=table)

    def list_brief(self) -> list[Measure]:
        return [measure for measure in self.measures if measure.brief]


Section = tuple[str, Sequence[Wanted]] | Callable[[Grid], Iterable[Table]]  # title and columns


@dataclass(frozen=True)
class ReportKind:
    """What the report of one command shows."""

    table: str  # key of the main table in the JSON: a row for each trial set
    stem: str  # of the files that hold the tables
    measures: Sequence[Measure]  # of a row
    answer: Callable[[Grid], Answer]  # without full stop, without warnings on the run
    # Tables; one without rows is left out. Those of labels, tests and other topics follow.
    sections: Sequence[Section]
    describe: Callable[[Grid], list[str]] = lambda _: []  # notes, after those on the run
    starts: Starts = ("first_start", "with_restarts")
    figures: Sequence[Drawing] = ()
    # other tables of the JSON, by their keys; from the results, and their trial sets
    more: Mapping[str, Callable[["Results", list[TrialSet]], list[Row]]] = field(
        default_factory=dict
    )
    pictures: Callable[[Report], Iterator[tuple[str, Pixels]]] | None = None  # files, by name
    attributes: bool = False  # whether files of several generators say which made an image

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
        tables |= compare_pairs(trial_sets, self.starts, tests) if tests else {}
        tables |= {key: make_rows(results, trial_sets) for key, make_rows in self.more.items()}
        tables |= {"unread": unread} if images else {}
        answer, notes, sections = Answer("", None), make_run_notes(run), []
        if trial_sets:
            grid = Grid(results, self.measures, self.starts, trial_sets, rows, tables, run)
            answer = grid.add_brief_columns(self.answer(grid))
            notes += describe_changes(rows) if images else []
            notes += self.describe(grid)
            notes += describe_same(rows, tables["same"]) if tests else []
            sections = self._make_tables(grid, tests)
        warnings = [*make_warnings(run, name), *answer.warnings]
        said = "; ".join(filter(None, (answer.sentence, describe_unread(unread))))
        return Report(
            name,
            self.stem,
            answer._replace(
                sentence=f"{capitalize(state_progress(run, by_group) + said)}.", warnings=warnings
            ),
            tables,
            [
                _fill_texts(table, results.threshold, run)
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
        titles = {table.title for table in tables}
        topics = dict.fromkeys(measure.topic for measure in grid.measures if measure.topic)
        return tables + [grid.make_table(topic) for topic in topics if topic not in titles]


def _fill_texts(table: Table, threshold: float, run: Row) -> Table:
    """Return a table whose texts have what measures leave open."""
    values = {"threshold": format_concise(threshold), "preparation": state_preparation(run)}

    def fill(text: str) -> str:
        for name, value in values.items():
            text = text.replace(f"{{{name}}}", value)
        return text

    columns = [replace(column, help=fill(column.help)) for column in table.columns]
    return replace(table, title=fill(table.title), columns=columns)
