"""`ganinv noise-sweep`, from the command line to the results file and its pictures."""

import json
import re

import numpy as np
import pytest
import tensorflow as tf
from called import run_ganinv

from ganinv_cli.experiments.noise_sweep.config import NoiseSweepConfig
from ganinv_cli.experiments.noise_sweep.plan import NoiseSweepPlan
from ganinv_cli.inversion.objective.ground_truth import draw_noise, draw_true_z
from ganinv_cli.jobs import Job
from ganinv_cli.noise import NOISES, Level
from ganinv_cli.results.store import read_results

RULES = ("none", "standard", "stochastic")
VARIANCES = (0.0, 0.01, 1.0)
# the same on every processor, and what rounding lets the generator reach
SETTINGS = ("--trials", 6, "--precision", "float32", "--tolerance", "1e-7", "--batch-size", 16)


def _sweep(folder, easy, *more, variances=VARIANCES, **keywords):
    listed = ",".join(map(str, variances))
    given = ("--checkpoint", easy.folder, *SETTINGS, "--variances", listed, *more)
    return run_ganinv(folder, "noise-sweep", *given, **keywords)


@pytest.fixture(scope="module")
def swept(easy, tmp_path_factory):
    """What was printed, and the results."""
    folder = tmp_path_factory.mktemp("swept")
    result = _sweep(folder, easy, "--format", "json")
    return result, read_results(folder / "noise-sweep.h5")


def _match_losses(results, generator, clip):
    """Yield whether each stored image loss is that of the stored z and an image computed here."""
    root = results.groups[""]
    clean = generator.render(root["z_true"], len(root["trial"]))
    unit = draw_noise(generator, 0, root["trial"])
    for name, group in results.groups.items():
        if not name:
            continue
        variance = float(name.removeprefix("variance=").partition("/")[0])
        sought = Level(NOISES["gaussian"], variance).apply(clean, unit, clip)
        for start in ("", "first/"):
            images = generator.render(group[f"{start}z_found"], len(clean))
            loss = ((images - sought) ** 2).sum((1, 2, 3))
            yield np.allclose(group[f"{start}image_loss"], loss, rtol=1e-4, atol=1e-7)


def test_every_rule_sees_the_same_z_start_and_noise_at_every_variance(easy, swept):
    results = swept[1]
    assert all(_match_losses(results, easy.generator, clip=False))
    assert not all(_match_losses(results, easy.generator, clip=True))
    starts = [group["z_start"] for name, group in results.groups.items() if name]
    assert len(starts) == len(VARIANCES) * len(RULES)
    assert all((start == starts[0]).all() for start in starts)
    assert (results.groups[""]["z_true"] == draw_true_z(easy.generator, 0, np.arange(6))).all()


@pytest.mark.slow
def test_noisy_pixels_are_clipped_on_demand(easy, tmp_path):
    few = ("--trials", 2, "--clip", "none", "--restarts", 0)
    more = "--clip-pixels", *few, "--format", "markdown"
    result = _sweep(tmp_path, easy, *more, variances=(1.0,))
    clipped = read_results(tmp_path / "noise-sweep.h5")
    assert all(_match_losses(clipped, easy.generator, clip=True))
    assert "were clipped to [-1, 1]" in result.stdout


@pytest.mark.parametrize("clip", [True, False])
def test_one_start_is_enough_by_its_loss_only_if_it_is_known_what_noise_leaves(easy, clip):
    config = NoiseSweepConfig(variances=(0.1,), clip_pixels=clip)
    jobs = [Job(trial) for trial in range(3)]
    for target in NoiseSweepPlan.make(config, easy.generator).prepare_targets(easy.generator)(jobs):
        assert (target.sufficient_loss > 0) == (not clip)
        assert target.residual > target.sufficient_loss


@pytest.mark.slow
def test_the_z_of_a_trial_depends_on_no_other_trial_or_batch_size(hard, tmp_path):
    given = ("--trials", 8, "--restarts", 0, "--quiet", "--variances")
    together = _sweep_groups(tmp_path / "together", hard, *given, "0.01,1", "--batch-size", 64)
    alone = _sweep_groups(tmp_path / "alone", hard, *given, "0.01", "--batch-size", 1)
    for rule in RULES:
        one, many = alone[f"variance=0.01/{rule}"], together[f"variance=0.01/{rule}"]
        moved = np.mean((one["z_found"] - many["z_found"]) ** 2, -1)
        assert (moved < 0.1 * one["z_error"]).all()


def _sweep_groups(folder, small, *given):
    folder.mkdir()
    run_ganinv(folder, "noise-sweep", "--checkpoint", small.folder, *given)
    return read_results(folder / "noise-sweep.h5").groups


def test_the_bound_is_that_of_the_jacobian_at_the_true_z(easy, swept):
    generator, root = easy.generator, swept[1].groups[""]
    for z_true, bound in zip(root["z_true"], root["cramer_rao"], strict=True):
        z = tf.constant(z_true[None], tf.float64)
        with tf.GradientTape() as tape:
            tape.watch(z)
            image = tf.reshape(generator(z), [-1])
        jacobian = tape.jacobian(image, z).numpy()[:, 0]
        expected = np.trace(np.linalg.inv(jacobian.T @ jacobian)) / generator.latent
        assert bound == pytest.approx(expected, rel=1e-3)


def test_errors_grow_with_the_variance_in_the_table_and_the_figures(swept):
    result, results = swept
    assert re.search(r"54/54 trials.*, 54 converged", result.stderr)
    assert "recovered" not in result.stderr  # noise hides z
    table = json.loads(result.stdout)["tables"]["noise_sweep"]
    assert len(table) == len(VARIANCES) * len(RULES)
    for row in table:
        group = results.groups[f"variance={row['variance']:g}/{row['technique']}"]
        assert row["trials"] == 6
        assert (group["z_error"] <= 1e-7).all() == (row["variance"] == 0)
    for rule in RULES:
        small, large = (
            np.median(results.groups[f"variance={variance:g}/{rule}"]["z_error"])
            for variance in VARIANCES[1:]
        )
        assert 10 * small < large
    assert results.figures.keys() == {f"figure2b-variance={each:g}" for each in VARIANCES}
    clean, noisy, recovered = results.figures["figure2b-variance=0.01"].pictures.astype(int)
    assert abs(recovered - clean).mean() < abs(noisy - clean).mean()


@pytest.mark.parametrize(
    "name",
    [
        name if noise.more_is_worse else pytest.param(name, marks=pytest.mark.slow)
        for name, noise in NOISES.items()
        if name != "gaussian"
    ],
)
def test_other_noise_is_a_sweep_of_its_levels(easy, tmp_path, name):
    few = ("--trials", 3, "--clip", "none", "--restarts", 2, "--format", "json")
    given = ("--checkpoint", easy.folder, *SETTINGS[2:], *few, "--noise", name)
    noise = NOISES[name]
    clean, level = [0.0] if noise.more_is_worse else [], noise.level
    levels = [*clean, *map(float, noise.levels[1:3])]
    listed = ",".join(map(str, levels))
    said = run_ganinv(tmp_path, "noise-sweep", *given, "--levels", listed, publishing=True)
    table = json.loads(said.stdout)["tables"]["noise_sweep"]
    assert [(row[level], row["trials"]) for row in table] == [(each, 3) for each in levels]
    results = read_results(tmp_path / "noise-sweep.h5")
    assert {f"{level}={each:g}/none" for each in levels} < results.groups.keys()
    assert results.figures.keys() == {f"figure2b-{level}={each:g}" for each in levels}
    errors = [results.groups[f"{level}={each:g}/none"]["z_error"] for each in levels]
    assert all((each <= 1e-7).all() for each in errors[: len(clean)])
    assert (errors[-1] <= 1e-5).all() == noise.leaves_no_residual
    names = {file.name for file in (tmp_path / "noise-sweep").iterdir()}
    assert {"figure2a.png", f"figure2b-{level}-{levels[-1]:g}.png"} <= names
    text = (tmp_path / "noise-sweep" / "noise-sweep.txt").read_text("utf-8")
    assert ("Slope of log z error" in text) == noise.more_is_worse
    other = run_ganinv(tmp_path, "noise-sweep", *given, "--levels", "0.3", code=2).stderr
    assert f"holds another run: --levels is {listed} in the file, and 0.3 here" in other
