"""Measure the generator before a run: settings of the solver, and predictions of theory."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from ganinv_cli.images import Crop, load_mask, suppress_pillow_warnings
from ganinv_cli.jacobian import (
    POINTS,
    find_spectrum,
    measure_largest_changes,
    refuse_dead_generator,
)
from ganinv_cli.network.generator import Generator
from ganinv_cli.settings.config import Config, ImagesConfig, RecoverConfig
from ganinv_cli.solvers import make_solver
from ganinv_cli.solvers.gd import GradientDescent
from ganinv_cli.statistics.descent_theory import Prediction, predict

Settings = TypeVar("Settings", bound=Config)


def resolve_settings(config: Settings, generator: Generator) -> Settings:
    """Return the config with measured numbers for the solver's settings that need measuring.

    All workers get these numbers, and they are stored in the results file. Raises CheckpointError
    if the images do not depend on z; with a preconditioner, it is measured later and says so.
    """
    solver = make_solver(config.solver, config.solver_settings)
    resolved = solver.resolve(generator, read_mask(config, generator))
    if not resolved.preconditioner_points and generator.batch_norm == "frozen":
        refuse_dead_generator(measure_largest_changes(generator, POINTS))
    measured = {
        name: value for name, value in asdict(resolved).items() if value != getattr(solver, name)
    }
    if not measured:
        return config
    settings = {**config.solver_settings, **measured}
    return replace(config, solver_tables={**config.solver_tables, config.solver: settings})


def predict_descent(config: Config, generator: Generator) -> Prediction | None:
    """Return the prediction of linear theory for a run, or None if there is none.

    There is one for gradient descent to known z, with resolved settings and frozen batch-norm
    statistics.
    """
    solver = make_solver(config.solver, config.solver_settings)
    is_known = isinstance(config, RecoverConfig) and generator.batch_norm == "frozen"
    if not (is_known and isinstance(solver, GradientDescent)):
        return None
    spectrum = find_spectrum(generator)
    if not spectrum.is_usable:
        return None
    return predict(*spectrum, solver.make_schedule(config.budget, generator.count_values()))


def read_mask(config: Config, generator: Generator) -> np.ndarray | None:
    """Return the mask of a config (height, width, 1): 1 for pixels that count, else 0."""
    if not isinstance(config, ImagesConfig) or not config.mask:
        return None
    with suppress_pillow_warnings():
        return load_mask(Path(config.mask), generator.image_shape, Crop(config.crop))
