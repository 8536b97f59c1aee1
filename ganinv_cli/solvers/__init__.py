"""The methods that recover z: one file per solver.

Each file defines SOLVER, the class of its solver.
"""

import dataclasses
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ganinv_cli.errors import ConfigError
from ganinv_cli.settings.declare import check_value, list_settings
from ganinv_cli.settings.load import check_type

if TYPE_CHECKING:
    from ganinv_cli.solvers.solver import Solver


def make_solver(name: str, settings: Mapping[str, Any]) -> "Solver":
    """Return the solver with this name and settings. Raises ConfigError for a wrong setting."""
    solver: type[Solver] = importlib.import_module(f"ganinv_cli.solvers.{name}").SOLVER
    fields = {field.name: field.default for field in dataclasses.fields(solver)}
    declared = list_settings(solver)
    for key, value in settings.items():
        if key not in fields:
            raise ConfigError(f"[{name}] has no setting {key!r}; it takes {', '.join(fields)}")
        if fields[key] is not None:
            check_type(f"[{name}] {key}", value, fields[key])
        if key in declared:
            check_value(f"[{name}] {key}", value, declared[key])
    return solver(**settings)
