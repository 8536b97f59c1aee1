"""A traced generator gives the same results as its layers; unsupported settings are refused."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import builders
import conditional
import numpy as np
import pytest
from called import make_image, make_random_pixels, run_ganinv, save_image

from ganinv_cli import formats
from ganinv_cli.engine import devices
from ganinv_cli.engine.loaded_generator import LoadedGenerator
from ganinv_cli.experiments.run import run_experiment
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.progress.reporters import RunProgress
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.store import Results, read_results

COUPLED = ("--batch-norm", "batch", "--solver", "gd", "--tolerance", 0, "--restarts", 0)


@pytest.fixture(scope="module")
def layered(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    return builders.make_checkpoint(tmp_path_factory.mktemp("layered"))


@pytest.fixture(scope="module")
def traced(layered: Checkpoint) -> Checkpoint:
    return builders.trace_layers(layered)


@pytest.fixture(scope="module")
def labelled() -> Checkpoint:
    return builders.trace_layers(conditional.make_conditional_checkpoint())


def _run(
    folder: Path, checkpoint: Checkpoint, *arguments: object, code: int = 0
) -> tuple[str, Results | None]:
    """Return the output of a command that reads this checkpoint for any path, and its results."""
    with (
        mock.patch.object(formats, "read", return_value=checkpoint),
        mock.patch.object(formats, "needs_tensorflow", return_value=True),
    ):
        said = run_ganinv(folder, *arguments, "--checkpoint", ".", code=code).output
    file = folder / f"{arguments[0]}.h5"
    return said, read_results(file) if file.exists() else None


def test_all_z_are_recovered_under_every_rule(tmp_path: Path, traced: Checkpoint) -> None:
    _, results = _run(tmp_path, traced, "recover", "--trials", 12, "--batch-size", 8)
    assert results
    for rule in ("none", "standard", "stochastic"):
        assert (results.groups[rule]["z_error"] < 1e-7).all()
    assert results.attributes["checkpoint_sha256"] == traced.sha256
    assert results.attributes["precision"] == "float32"
    # the preconditioner: a forward pass at each of 40 z, and two for each of 6 columns
    assert results.constants["shared_gradients"] == 40 * 6.5


def test_labels_are_found_with_z(tmp_path: Path, labelled: Checkpoint) -> None:
    given = ("recover", "--trials", 9, "--clip", "stochastic", "--overwrite")
    _, free = _run(tmp_path, labelled, *given)
    _, fixed = _run(tmp_path, labelled, *given, "--label", 2)
    assert free and fixed
    np.testing.assert_array_equal(free.groups["stochastic"]["label"], free.groups[""]["label"])
    assert "label" not in fixed.groups[""]
    assert fixed.attributes["checkpoint_sha256"] != labelled.sha256
    for results in (free, fixed):
        assert (results.groups["stochastic"]["z_error"] < 1e-7).all()


@pytest.mark.slow
def test_noise_and_images_end_as_with_layers(
    tmp_path: Path, layered: Checkpoint, traced: Checkpoint, easy: SimpleNamespace
) -> None:
    random = np.random.default_rng(0)
    for trial in range(3):
        own = make_image(easy.generator, trial)
        save_image(tmp_path / f"own{trial}.png", own)
        noise = random.integers(-60, 60, own.shape)
        save_image(tmp_path / f"noisy{trial}.png", np.clip(own + noise, 0, 255).astype(np.uint8))
    save_image(tmp_path / "noise.png", make_random_pixels(easy.generator))
    sweep = ("noise-sweep", "--trials", 4, "--variances", "0,0.01", "--clip", "none")
    images = ("consistency", "--image", ".", "--trials", 8, "--clip", "none,stochastic", "-v")
    errors, outcomes = [], []
    for checkpoint, precision in ((layered, "float64"), (traced, "float32")):
        swept = _run(tmp_path, checkpoint, *sweep, "--precision", "float32", "--overwrite")[1]
        said, found = _run(tmp_path, checkpoint, *images, "--overwrite")
        assert f"after refinement in {precision}" in " ".join(said.split())
        assert swept and found
        errors.append(
            [g.get("z_error", g.get("cramer_rao")) for g in swept.groups.values()]  # by variance
        )
        outcomes.append(
            [g["polished/outcome"] for g in found.groups.values() if "polished/outcome" in g]
        )
        values = found.groups["image=0000/none/certificate"]["singular_values"]
        assert values.dtype == np.float64 and (values > 0).all()
    np.testing.assert_allclose(errors[1], errors[0], 2e-2, 1e-7)
    with_layers, without = (np.concatenate(each) for each in outcomes)
    assert len(with_layers) == 14 * 8 and len(set(with_layers)) > 1  # minima and slopes
    assert (with_layers == without).mean() > 0.95


def test_shards_interruptions_and_several_devices_end_the_same(
    tmp_path: Path, traced: Checkpoint
) -> None:
    def interrupt(progress: RunProgress) -> None:
        if progress.finished:
            raise KeyboardInterrupt

    two_devices = mock.patch.object(
        devices, "find_devices", lambda _: [devices.Device("cpu", 0)] * 2
    )
    for file, shard, show, ending in (
        ("whole", "", None, nullcontext()),
        ("1", "1/2", interrupt, pytest.raises(KeyboardInterrupt)),
        ("1", "1/2", None, nullcontext()),
        ("2", "2/2", None, nullcontext()),
    ):
        config = RecoverConfig(trials=12, shard=shard, batch_size=4)
        reporter = mock.Mock(show=show or mock.Mock())
        with ending, two_devices if shard else nullcontext():
            run_experiment(
                config, LoadedGenerator("traced", traced), tmp_path / f"{file}.h5", reporter
            )
    run_ganinv(tmp_path, "merge", "merged.h5", "1.h5", "2.h5")
    merged, whole = (read_results(tmp_path / f"{name}.h5").groups for name in ("merged", "whole"))
    np.testing.assert_array_equal(merged["none"]["trial"], whole["none"]["trial"])
    np.testing.assert_allclose(merged["none"]["z_found"], whole["none"]["z_found"], atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("recover", "--precision", "mixed"), "precision = mixed: here was read as TensorFlow"),
        (("recover", "--polish", "float64"), "polish = float64: here was read as TensorFlow"),
        (("noise-sweep", "--precision", "mixed"), "could be computed in bfloat16; leave"),
        (("recover", *COUPLED), "here has no layers of batch norm"),
        (("recover", "--label", 3), "here has no labels"),
        (("train-encoder", "--precision", "bfloat16"), "could be computed in bfloat16; leave"),
    ],
)
def test_what_needs_layers_is_refused_in_a_sentence(
    tmp_path: Path, traced: Checkpoint, arguments: tuple[object, ...], sentence: str
) -> None:
    said, _ = _run(tmp_path, traced, *arguments, code=2)
    (last,) = [line for line in said.splitlines() if line.startswith("Error")]
    assert sentence in last
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [(), ("--label", 1)])
def test_operations_are_not_converted(
    tmp_path: Path, labelled: Checkpoint, options: tuple[object, ...]
) -> None:
    with (
        mock.patch.object(formats, "read", return_value=labelled),
        mock.patch.object(formats, "needs_tensorflow", return_value=True),
    ):
        said = run_ganinv(tmp_path, "convert", ".", "out.keras", *options, code=2).output
    assert "not as layers, so it cannot be converted" in said
