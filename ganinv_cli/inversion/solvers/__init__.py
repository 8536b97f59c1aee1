"""The methods that recover z: one file per solver.

Each file defines SOLVER, the class of its solver.
"""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ganinv_cli.settings.declare import list_settings
from ganinv_cli.settings.load import check_settings

if TYPE_CHECKING:
    from ganinv_cli.inversion.solvers.parts.solver import Solver


def make_solver(name: str, settings: Mapping[str, Any]) -> "Solver":
    """Return the solver with this name and settings. Raises ConfigError for a wrong setting."""
    kind: type[Solver] = importlib.import_module(f"ganinv_cli.inversion.solvers.{name}").SOLVER
    return kind(**check_settings(f"[{name}]", settings, list_settings(kind)))
