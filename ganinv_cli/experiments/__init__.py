"""The experiments: one package per experiment, which declares it as EXPERIMENT.

The modules beside them are what experiments share: the run itself is in `run_experiment.py`.
"""

import importlib
import pkgutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganinv_cli.experiments.experiment import Experiment

# of the packages, and so of the functions; commands have hyphens
NAMES = tuple(sorted(each.name for each in pkgutil.iter_modules(__path__) if each.ispkg))


def find_experiment(name: str) -> "Experiment":
    """Return the experiment of a function or command. Raises KeyError if there is none."""
    package = name.replace("-", "_")
    if package not in NAMES:
        raise KeyError(name)
    experiment: Experiment = importlib.import_module(f"{__name__}.{package}").EXPERIMENT
    return experiment


def list_experiments() -> "list[Experiment]":
    """Return all experiments, in the order of lists."""
    return sorted(map(find_experiment, NAMES), key=lambda experiment: experiment.order)
