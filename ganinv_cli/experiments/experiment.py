"""What an experiment declares: its command, function, guide row, report and resume rules follow."""

import pkgutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from ganinv_cli.settings.config import Config, ImagesConfig

if TYPE_CHECKING:
    from ganinv_cli.experiments.plan import Plan
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
