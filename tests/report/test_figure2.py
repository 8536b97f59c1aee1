"""The pictures of a noise sweep are of trials that were run at every variance."""

import builders
import numpy as np
import pytest
from stored import add_missing_columns, make_provenance

from ganinv_cli.experiments.noise_sweep import make_plan
from ganinv_cli.images import to_pixels
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.outcome import Outcome
from ganinv_cli.settings.config import NoiseSweepConfig
from ganinv_cli.store import open_run, read_results


@pytest.fixture
def generator(tmp_path):
    return make_generator(builders.make_checkpoint(tmp_path))


def _z(generator, trials):
    """Another one for each trial."""
    draws = [np.random.default_rng(trial).uniform(-1, 1, generator.latent) for trial in trials]
    return np.array(draws, np.float32)


def _pictures(folder, generator, trials):
    """`trials`: those of each group."""
    groups = {
        name: add_missing_columns(
            {"trial": np.array(numbers), "z_found": _z(generator, numbers)}
            | {"outcome": np.full(len(numbers), Outcome.converged, np.uint8)},
            generator.latent,
        )
        for name, numbers in trials.items()
    }
    known = np.arange(5)
    groups[""] = {"trial": known, "z_true": _z(generator, known)}
    with open_run(folder / "a.h5", make_provenance(command="noise-sweep")) as run:
        run.commit(groups)
    config = NoiseSweepConfig(variances=(0.1, 1.0), clip=("none",), trials=4)
    results = read_results(folder / "a.h5")
    return make_plan(config, generator).make_figures(results, generator)


def test_a_trial_that_a_variance_lacks_is_in_no_picture(generator, tmp_path):
    trials = {"variance=0.1/none": [0, 2, 3, 4], "variance=1/none": [0, 1, 3, 4]}
    figures = _pictures(tmp_path, generator, trials)
    assert len(figures) == 2
    expected = to_pixels(generator.render(_z(generator, [0, 3]), 8))
    for figure in figures.values():
        assert figure.trials == (0, 3)
        clean, _, recovered = figure.pictures
        assert np.array_equal(clean, expected) and np.array_equal(recovered, expected)


@pytest.mark.parametrize("trials", [{"variance=1/none": [1]}, {}])
def test_without_such_a_trial_there_is_no_picture(generator, tmp_path, trials):
    assert not _pictures(tmp_path, generator, {"variance=0.1/none": [0, 2]} | trials)
