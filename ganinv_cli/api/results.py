"""Results for programs: tables, arrays and files of a run."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ganinv_cli.errors import UsageError
from ganinv_cli.files import write_output_file
from ganinv_cli.settings.names import STYLES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ganinv_cli.report import DrawnFigure, Report
    from ganinv_cli.store import NamedImage, Results


@dataclass(frozen=True, eq=False, repr=False)
class RunResults:
    """The results of `recover`, `noise_sweep`, `consistency` or `invert`, or of a results file.

    Attributes:
        name: of the results file, or of the experiment.
        command: the command that makes such results, e.g. "recover".
        config: every setting of the run.
        groups: names of the groups of the results file.
        answer: one sentence that answers the question of the experiment.
        tables: every table as rows of plain values, as `ganinv report --format json` prints them.
    """

    name: str
    store: "Results" = field(repr=False)
    content: bytes | Path = field(repr=False)  # of the HDF5 file, or the path of the file itself

    @property
    def command(self) -> str:
        return str(self.store.attributes["command"])

    @property
    def config(self) -> dict[str, Any]:
        return dict(self.store.attributes["config"])

    @property
    def answer(self) -> str:
        return self._report.answer.sentence

    @property
    def tables(self) -> dict[str, list[dict[str, Any]]]:
        return self._report.tables

    def table(self, style: str = "text", *, full: bool = False) -> str:
        """Return the answer and its table as text, as the command prints them.

        Args:
            style: text, markdown, csv, latex or json; all but text have every table.
            full: whether text has every table and note, as `ganinv report` prints them.

        Raises:
            UsageError: there is no such style.
        """
        from ganinv_cli.report.render import render, render_brief

        if style not in STYLES:
            raise UsageError(f"style = {style!r}: it is one of {', '.join(STYLES)}")
        if style == "text" and not full:
            return render_brief(self._report, "table(full=True)")
        return render([self._report], style)

    def columns(self, group: str) -> dict[str, NDArray[Any]]:
        """Return the columns of a group of the results file, one row per trial.

        Args:
            group: a name from `groups`, e.g. "stochastic" of `recover`; docs/results-format.md
                describes the columns, among them z_found (trials, latent), z_error and outcome.

        Raises:
            UsageError: there is no such group.
        """
        if group not in self.store.groups:
            raise UsageError(f"no group {group!r}; there are {', '.join(self.groups)}")
        rows = self.store.groups[group]
        return {name: rows[name] for name in rows}

    @property
    def groups(self) -> list[str]:
        return sorted(name for name in self.store.groups if name)

    def figures(self) -> "dict[str, DrawnFigure]":
        """Return the figures by name, e.g. "figure2a": matplotlib's `figure`, `alt`, `caption`."""
        from ganinv_cli.report.report import find_report_module

        return find_report_module(self.store, self.name).draw(self.store)

    def save_report(self, folder: str | Path) -> None:
        """Write the tables in every style, the figures and report.html into a folder.

        Raises GaninvError if it cannot be written.
        """
        from ganinv_cli.report.folder import write_report

        write_report(self._report, self.store, Path(folder))

    def to_hdf5(self, path: str | Path) -> None:
        """Write the results as an HDF5 file, which `open` and the commands read.

        An existing file is replaced as a whole. Raises GaninvError if it cannot be written.
        """
        target = Path(path)
        if isinstance(self.content, bytes):
            write_output_file(target, self.content)
        elif target.resolve() != self.content.resolve():
            write_output_file(target, self.content.read_bytes())

    def select_images(self, images: "Sequence[NamedImage]") -> "RunResults":
        """Return the results with these images alone, in this order and under these names."""
        from ganinv_cli.store import select_images

        return replace(self, store=select_images(self.store, images))

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        return f"<ganinv {self.command} results {self.name}: {self.answer}>"

    def _repr_markdown_(self) -> str:
        return f"```text\n{self.table()}\n```"

    @cached_property
    def _report(self) -> "Report":
        from ganinv_cli.report import summarize

        return summarize(self.store, self.name)


def read_run(path: Path, *, in_memory: bool = False) -> RunResults:
    """Return the results in a file, or read into memory with a copy of the finished file.

    Raises ResultsError.
    """
    from ganinv_cli.store import read_results

    results = read_results(path)
    if not in_memory:
        return RunResults(str(path), results, path)
    groups: dict[str, Mapping[str, NDArray[Any]]] = {
        name: dict(rows) for name, rows in results.groups.items()
    }
    return RunResults(path.stem, replace(results, groups=groups), path.read_bytes())
