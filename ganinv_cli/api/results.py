"""Results for programs: tables, arrays and files of a run, and the latent vectors of images."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganinv_cli.errors import ResultsError, UsageError
from ganinv_cli.files import write_output_file
from ganinv_cli.outcome import Outcome
from ganinv_cli.precision import Precision
from ganinv_cli.settings.names import STYLES, representative_rule

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ganinv_cli.results.report import DrawnFigure, Report
    from ganinv_cli.results.store import Image, Results


@dataclass(frozen=True, eq=False, repr=False)
class RunResults:
    """The results of `recover`, `noise_sweep`, `consistency` or `invert`, or of a results file.

    Attributes:
        name: name of the results file, or of the experiment.
        command: the command that makes such results, e.g. "recover".
        config: every setting of the run.
        precision: precision of the gradients, "float32" or "bfloat16 then float32".
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
    def precision(self) -> str:
        return Precision(self.store.attributes.get("precision", "float32")).description

    @property
    def answer(self) -> str:
        return self._report.answer.sentence

    @property
    def tables(self) -> dict[str, list[dict[str, Any]]]:
        return self._report.tables

    def table(self, style: str = "text", *, full: bool = False) -> str:
        """Return the answer and its table as text, as the command prints them.

        Args:
            style: a format of `ganinv report --format`. csv has the main table, text too unless
                `full`, the others have every table.
            full: whether text has every table, as `ganinv report` prints them.

        Raises:
            UsageError: there is no such style.
        """
        from ganinv_cli.results.report.render import render, render_brief

        if style not in STYLES:
            raise UsageError(f"style = {style!r}: it is one of {', '.join(STYLES)}")
        if style == "text" and not full:
            return render_brief(self._report, "table(full=True)")
        return render([self._report], style)

    def columns(self, group: str) -> dict[str, NDArray[Any]]:
        """Return the columns of a group of the results file, one row per trial.

        Args:
            group: a name from `groups`, e.g. "stochastic" of `recover` or "stochastic/starts" of
                `invert`. docs/results-format.md describes the columns, e.g. z_found (trials,
                latent).

        Raises:
            UsageError: there is no such group.
        """
        if group not in self.store.groups:
            raise UsageError(f"no group {group!r}; give one of {', '.join(map(repr, self.groups))}")
        rows = self.store.groups[group]
        return {name: rows[name] for name in rows}

    @property
    def groups(self) -> list[str]:
        return sorted(name for name in self.store.groups if name)

    def figures(self) -> "dict[str, DrawnFigure]":
        """Return the figures by name, e.g. "figure2a": matplotlib's `figure`, `alt`, `caption`."""
        return self._report.draw()

    def save_report(
        self, folder: str | Path, *, style: str = "text", figures: "Sequence[str]" = ("png",)
    ) -> None:
        """Write the tables, the figures and report.html into a folder.

        Args:
            folder: a path.
            style: a format of `ganinv report --format`, for the tables beside text, csv and json.
            figures: formats of the figures: some of png, pdf and svg.

        Raises:
            GaninvError: it cannot be written, or has a report.html that ganinv did not write.
        """
        from ganinv_cli.results.report.folder import write_report

        write_report(self._report, Path(folder), (style,), figures)

    def to_hdf5(self, path: str | Path) -> None:
        """Write the results as an HDF5 file, which `open` and the commands read.

        An existing file is replaced. Raises GaninvError if it cannot be written, or the run has
        not finished.
        """
        target = Path(path)
        if isinstance(self.content, bytes):
            write_output_file(target, self.content)
        elif not self.store.complete:
            raise ResultsError(f"{self.name}: its run has not finished; run its command to the end")
        elif target.resolve() != self.content.resolve():
            write_output_file(target, self.content.read_bytes())

    def select_images(self, images: "Sequence[Image]") -> "RunResults":
        """Return the results with these images alone, in this order and under these names."""
        from ganinv_cli.results.store import select_images

        return replace(self, store=select_images(self.store, images))

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy in another process needs: the columns, read, and no report."""
        groups = {name: dict(rows) for name, rows in self.store.groups.items()}
        store = replace(self.store, groups=groups)
        return {"name": self.name, "store": store, "content": self.content}

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        return f"<ganinv {self.command} results {self.name}: {self.answer}>"

    def _repr_markdown_(self) -> str:
        return f"```text\n{self.table()}\n```"

    @cached_property
    def _report(self) -> "Report":
        from ganinv_cli.experiments.summary import summarize

        return summarize(self.store, self.name)


@dataclass(frozen=True, eq=False, repr=False)
class Inversion:
    """The latent vectors that `invert` found, one row per image, in the order of the images.

    The best start of each image counts: the one with the least image loss.

    z is as exact as the image: it has the last digits of float32 if x is `G(z)`, and two or three
    digits if x has 8 bits. For more, give `invert(G, G(z, precision="float64"), polish="float64")`.

    Attributes:
        names: (n,) file names of the images, or the places of arrays.
        z: (n, latent) float64, refitted through the changes that explain the image, or most of it;
            (n, *shape) if the generator's z has a shape, e.g. (n, 32, 4, 4).
        z_deviation: same shape, standard error of z, at most the prior's deviation; NaN unless
            the verdict is made, ambiguous or edited.
        labels: (n,) the label under which z was found; None if there are no labels, or one was
            chosen.
        image_loss: (n,) squared error summed over pixels in [-1, 1], ‖G(z) - x‖².
        psnr: (n,) in dB; inf if the loss is 0.
        outcome: (n,) "converged", "budget", "stalled", "diverged" or "non_finite".
        verdict: (n,) "made", "edited", "ambiguous", "sibling", "outside", "failed" or "no verdict"
            (docs/invert.md).
        explanation: (n,) what the verdict follows from, in a sentence or two.
        agreement: (n,) share of the starts that found this z, 0 to 1.
        inside: (n,) whether every component of z lies inside the bounds of the prior.
        images: (n, height, width, channels) float32 in [-1, 1], rounded to 8 bits: G(z) after the
            changes that explain the image, or of the best start if none do.
        targets: same shape and range, the images themselves, cropped and resized; float64 if they
            were given so.
        run: the whole results, with every start.
    """

    names: list[str]
    z: NDArray[np.float64]
    z_deviation: NDArray[np.float64]
    labels: NDArray[np.int64] | None
    image_loss: NDArray[np.float64]
    psnr: NDArray[np.float64]
    outcome: list[str]
    verdict: list[str]
    explanation: list[str]
    agreement: NDArray[np.float64]
    inside: NDArray[np.bool_]
    images: NDArray[np.float32]
    targets: NDArray[np.floating[Any]]
    run: RunResults = field(repr=False)

    def table(self, style: str = "text", *, full: bool = False) -> str:
        """Return the answer and its table as text; see `RunResults.table`."""
        return self.run.table(style, full=full)

    def to_hdf5(self, path: str | Path) -> None:
        """Write every start of every image as an HDF5 file; see `RunResults.to_hdf5`."""
        self.run.to_hdf5(path)

    def save_report(self, folder: str | Path) -> None:
        """Write tables, figures, pictures and report.html; see `RunResults.save_report`."""
        self.run.save_report(folder)

    def __len__(self) -> int:
        return len(self.names)

    def __str__(self) -> str:
        return self.table()

    def __repr__(self) -> str:
        return (
            f"<ganinv inversion of {len(self)} images, gradients in {self.run.precision}: "
            f"{self.run.answer}>"
        )

    def _repr_markdown_(self) -> str:
        return self.run._repr_markdown_()


def read_run(path: Path, threshold: float | None = None, *, in_memory: bool = False) -> RunResults:
    """Return the results in a file; with `in_memory`, they have a copy of the file.

    Raises ResultsError.
    """
    from ganinv_cli.experiments.summary import show_by
    from ganinv_cli.results.store import load_results

    results = show_by(load_results(path), threshold)
    if in_memory:
        return RunResults(path.stem, results, path.read_bytes())
    return RunResults(str(path), results, path)


def make_inversion(run: RunResults) -> Inversion:
    """Return the inversion of the images that the results show.

    Of a file that is opened, these are the images that are answered or have had all their starts.
    Raises ResultsError if there is none, or if one that a call named is not among them.
    """
    from ganinv_cli.images import to_floats
    from ganinv_cli.results.analysis.latents import shape_latents
    from ganinv_cli.results.analysis.recoveries import is_outside
    from ganinv_cli.results.analysis.trial_sets import read_trial_sets

    rule = representative_rule(run.config["clip"])
    trial_sets = [
        trial_set
        for trial_set in read_trial_sets(run.store)
        if trial_set.rule == rule and trial_set.whole_certificate
    ]
    if not trial_sets or len(trial_sets) < len(run.store.selection or ()):
        raise ResultsError(
            f"{run.name}: an image has not had all its starts; the same command goes on"
        )
    starts = [trial_set.recoveries for trial_set in trial_sets]
    best = [each.best_row for each in starts]
    outcomes = [
        each.group["polished/outcome" if each.polished[row] else "outcome"][row]
        for each, row in zip(starts, best, strict=True)
    ]
    labels = [each.best_label for each in starts]
    explanations = [trial_set.judgement.explanation for trial_set in trial_sets]
    reconstructions = [trial_set.reconstruction for trial_set in trial_sets]
    return Inversion(
        names=[trial_set.image.name for trial_set in trial_sets],
        z=shape_latents(run.store, [trial_set.best_z for trial_set in trial_sets]),
        z_deviation=shape_latents(run.store, [trial_set.z_deviation for trial_set in trial_sets]),
        labels=None if None in labels else np.array(labels, np.int64),
        image_loss=np.array([each.loss[row] for each, row in zip(starts, best, strict=True)]),
        psnr=np.array([trial_set.best_psnr for trial_set in trial_sets]),
        outcome=[Outcome(int(outcome)).name for outcome in outcomes],
        verdict=[trial_set.judgement.verdict for trial_set in trial_sets],
        explanation=[f"{text[:1].upper()}{text[1:]}." for text in explanations],
        agreement=np.array(
            [trial_set.evidence.same / trial_set.evidence.starts for trial_set in trial_sets]
        ),
        inside=np.array(
            [not is_outside(trial_set.best_z, trial_set.prior).any() for trial_set in trial_sets]
        ),
        images=to_floats(np.stack([each for each in reconstructions if each is not None])),
        targets=np.stack([_get_target(trial_set.image) for trial_set in trial_sets]),
        run=run,
    )


def _get_target(image: "Image") -> NDArray[np.floating[Any]]:
    from ganinv_cli.images import to_floats

    floats = image.target_float
    return to_floats(image.target) if floats is None else floats
