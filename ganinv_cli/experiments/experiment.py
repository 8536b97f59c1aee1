"""What an experiment declares, and a request to run it.

Its command, function, guide row, report and resume rules follow from what it declares.
"""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ganinv_cli.settings.config import Config, ImagesConfig

if TYPE_CHECKING:
    from ganinv_cli.experiments.plan import Plan
    from ganinv_cli.loaded_generator import LoadedGenerator
    from ganinv_cli.results.report.grid import ReportKind


@dataclass(frozen=True)
class Experiment:
    """An experiment, as its package declares it.

    Its plan and its report are named, "module:object", and imported when they are used: help needs
    neither, and a report no TensorFlow.
    """

    package: str  # dotted; its last part names the function, and with hyphens the command
    help: str | None  # of the command; its first sentence stands in lists
    config: type[Config]
    example: str  # of the function, as the interpreter shows it
    first: tuple[str, ...]  # the options most people need, in the order of the help
    plan: str  # the name of a subclass of `Plan`
    report: str  # the name of a `ReportKind`
    order: int = 100  # in lists
    inverts: bool = False  # whether the function returns the z of each image under one rule

    @property
    def function(self) -> str:
        return self.package.rpartition(".")[2]

    @property
    def command(self) -> str:
        return self.function.replace("_", "-")

    @property
    def results_file(self) -> str:
        return f"{self.command}.h5"

    @property
    def has_images(self) -> bool:
        """Whether it is on image files, whose true z is unknown."""
        return issubclass(self.config, ImagesConfig)

    def import_plan(self) -> "type[Plan]":
        return cast("type[Plan]", pkgutil.resolve_name(self.plan))

    def import_report(self) -> "ReportKind":
        return cast("ReportKind", pkgutil.resolve_name(self.report))


@dataclass(frozen=True, eq=False)
class Request:
    """An experiment with its settings, and the file of its results."""

    experiment: Experiment
    config: Config
    file: Path
    name: str = ""  # of the generator, if it is one of several
    generator: "LoadedGenerator | None" = None  # None: the one that the config names
    images: Any = None  # paths, arrays or PIL images of a program; None: the files of the config
    figure_folder: Path | None = None  # whose pictures are not images; None: the results' own
    overwrite: bool = False
    is_kept: bool = True  # whether the results file stays after an interruption
    meanwhile: Callable[[], object] | None = None  # is called in a thread while trials run
    inputs_sha256: str = ""  # by which a later command finds the run finished
    verbose: bool = False

    def check(self) -> None:
        """Check, before any work, that an image can be read and that the file may be written.

        Raises GaninvError.
        """
        from ganinv_cli.results.store import check_replaceable

        if isinstance(self.config, ImagesConfig) and self.images is None:
            from ganinv_cli.experiments.image_inputs import check_images

            check_images(self.config, self.figure_folder or self.file.with_suffix(""))
        check_replaceable(self.file)
