"""What an experiment declares: its command, function, guide row, report and resume rules follow."""

import pkgutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ganinv_cli.settings.config import Config, ImagesConfig

if TYPE_CHECKING:
    from ganinv_cli.experiments.plan import Plan
    from ganinv_cli.generators.network.generator import Generator
    from ganinv_cli.results.report.grid import ReportKind


@dataclass(frozen=True)
class Experiment:
    """An experiment, as its package declares it.

    `plan` and `report` are found when they are used, since help needs neither of them and a report
    no TensorFlow: "module:name", relative to the package without a module's full name.
    """

    package: str  # dotted; its last part names the function, and with hyphens the command
    help: str | None  # of the command; its first sentence stands in lists
    config: type[Config]
    example: str  # of the function, as the interpreter shows it
    first: tuple[str, ...]  # the options most people need, in the order of the help
    plan: str = ".plan:make_plan"  # from a config and a generator
    report: str = ".report:REPORT"
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

    def make_plan(self, config: Config, generator: "Generator") -> "Plan":
        """Return the plan for a config with measured settings. Raises ConfigError."""
        plan: Plan = self._resolve(self.plan)(config, generator)
        return plan

    def find_report(self) -> "ReportKind":
        """Return the description of its report."""
        kind: ReportKind = self._resolve(self.report)
        return kind

    def _resolve(self, place: str) -> Any:
        return pkgutil.resolve_name(f"{self.package}{place}" if place[0] == "." else place)
