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


@pytest.mark.parametrize(("trials", "shown"), [([0, 1, 3, 4], [0, 3]), ([1], []), (None, [])])
def test_a_trial_that_a_variance_lacks_is_in_no_picture(tmp_path, trials, shown):
    generator = make_generator(builders.make_checkpoint(tmp_path))
    z = np.random.default_rng(0).uniform(-1, 1, (5, generator.latent)).astype(np.float32)

    def make_group(numbers):
        converged = np.full(len(numbers), Outcome.converged, np.uint8)
        columns = {"trial": np.array(numbers), "z_found": z[numbers], "outcome": converged}
        return add_missing_columns(columns, generator.latent)

    groups = {"": {"trial": np.arange(5), "z_true": z}}
    groups["variance=0.1/none"] = make_group([0, 2, 3])
    if trials:
        groups["variance=1/none"] = make_group(trials)
    with open_run(tmp_path / "a.h5", make_provenance(command="noise-sweep")) as run:
        run.commit(groups)
    config = NoiseSweepConfig(variances=(0.1, 1.0), clip=("none",), trials=4)
    results = read_results(tmp_path / "a.h5")
    figures = make_plan(config, generator).make_figures(results, generator)
    assert len(figures) == (2 if shown else 0)
    for figure in figures.values():
        assert figure.trials == tuple(shown)
        clean, _, recovered = figure.pictures
        expected = to_pixels(generator.render(z[shown], 8))
        assert np.array_equal(clean, expected) and np.array_equal(recovered, expected)
