"""The methods that recover z: one file per solver.

Each file defines SOLVER, the class of its solver.
"""

import dataclasses
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ganinv_cli.errors import ConfigError
from ganinv_cli.settings.load import check_type

if TYPE_CHECKING:
    from ganinv_cli.solvers.solver import Solver


def make_solver(name: str, settings: Mapping[str, Any]) -> "Solver":
    """Return the solver with this name and settings. Raises ConfigError for a wrong setting."""
    solver: type[Solver] = importlib.import_module(f"ganinv_cli.solvers.{name}").SOLVER
    fields = [field.name for field in dataclasses.fields(solver)]
    unknown = [key for key in settings if key not in fields]
    if unknown:
        raise ConfigError(f"[{name}] has no setting {unknown[0]!r}; it takes {', '.join(fields)}")
    for field in dataclasses.fields(solver):
        if field.name in settings and field.default is not None:
            check_type(f"[{name}] {field.name}", settings[field.name], field.default)
    return solver(**settings)
