"""Results -> tables and figures. Needs neither TensorFlow nor the generator."""

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

from ganinv_cli.errors import GaninvError
from ganinv_cli.report.render import render
from ganinv_cli.report.tables import Report, summarise
from ganinv_cli.words import RULES, STYLES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ganinv_cli.store import Results

__all__ = ["Report", "render", "summarise", "write"]


def write(report: Report, results: "Results", folder: Path) -> str:
    """Write table1 in every style and the figures; give one line that says so.

    A file is replaced as a whole or not at all. Raises GaninvError when the folder cannot be
    written.
    """
    files = {
        f"table1.{ending}": render([report], style).encode() for style, ending in STYLES.items()
    }
    files |= {f"{name}.png": _png(figure) for name, figure in _figures(results).items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            _replace(folder / name, content)
    except OSError as error:
        raise GaninvError(
            f"{folder}: tables and figures cannot be written there ({error.strerror}); "
            "make room or give another folder, then run `ganinv report`"
        ) from error
    return f"wrote {', '.join(files)} into {folder}/"


def _figures(results: "Results") -> dict[str, "Figure"]:
    from ganinv_cli.report import figures  # slow to import

    solver = results.attributes["config"]["solver"]
    drawn = {}
    for name, stored in results.figures.items():
        panels = dict(zip(stored.panels, stored.pictures, strict=True))
        drawn[name] = figures.pictures(panels, stored.trials, _title(name, solver))
    gradients = results.constants.get("curve_gradients")
    curves = {
        technique: figures.Curve(
            gradients,
            results.groups[technique]["curve_error"],
            results.groups[technique]["z_error"],
        )
        for technique in RULES
        if gradients is not None and "curve_error" in results.groups.get(technique, {})
    }
    curves = {technique: curve for technique, curve in curves.items() if curve.drawable.any()}
    if curves:
        latent = results.groups[next(iter(curves))]["z_found"].shape[1]
        drawn["convergence"] = figures.convergence(curves, latent)
    return drawn


def _title(name: str, solver: str) -> str:
    """`figure1-stochastic` is Figure 1 of that technique."""
    number, _, technique = name.partition("-")
    clipping = "no clipping" if technique == "none" else f"{technique} clipping"
    return f"{number.replace('figure', 'Figure ')}. {clipping}, {solver}"


def _png(figure: "Figure") -> bytes:
    file = io.BytesIO()
    figure.savefig(file, format="png", metadata={"Software": None})  # the same bytes each time
    return file.getvalue()


def _replace(path: Path, content: bytes) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        aside.write_bytes(content)
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)
