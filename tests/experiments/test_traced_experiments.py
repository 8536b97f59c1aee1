"""A traced generator gives the same results as its layers; unsupported settings are refused."""

from contextlib import nullcontext
from pathlib import Path
from unittest import mock

import builders
import conditional
import numpy as np
import pytest
from called import make_image, make_random_pixels, run_ganinv, save_image
from ganinv_cli.api.generator import LoadedGenerator
from ganinv_cli.api.session import open_engine

from ganinv_cli import formats
from ganinv_cli.engine.devices import Device
from ganinv_cli.engine.engine import GeneratorSpec
from ganinv_cli.engine.local import MultiDevice
from ganinv_cli.experiments.progress import RunProgress
from ganinv_cli.experiments.recover import recover
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.progress import SILENT
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.settings.machine import Machine
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


def _run(folder: Path, checkpoint: Checkpoint, *arguments: object, code: int = 0) -> str:
    """Return the output of a command that reads this checkpoint for any path."""
    with (
        mock.patch.object(formats, "read", return_value=checkpoint),
        mock.patch.object(formats, "needs_tensorflow", return_value=True),
    ):
        return run_ganinv(folder, *arguments, code=code).output


def _recover(folder: Path, checkpoint: Checkpoint, *more: object) -> Results:
    fixed = ("recover", "--checkpoint", ".", "--batch-size", 8, "--overwrite")
    _run(folder, checkpoint, *fixed, *more)
    return read_results(folder / "recover.h5")


def test_all_z_are_recovered_under_every_rule(tmp_path: Path, traced: Checkpoint) -> None:
    results = _recover(tmp_path, traced, "--trials", 12)
    for rule in ("none", "standard", "stochastic"):
        assert (results.groups[rule]["z_error"] < 1e-7).all()
    assert results.attributes["checkpoint_sha256"] == traced.sha256
    assert results.attributes["precision"] == "float32"
    # the preconditioner: a forward pass at each of 40 z, and two for each of 6 columns
    assert results.constants["shared_gradients"] == 40 * 6.5


def test_labels_are_found_with_z(tmp_path: Path, labelled: Checkpoint) -> None:
    groups = _recover(tmp_path, labelled, "--trials", 9, "--clip", "stochastic").groups
    np.testing.assert_array_equal(groups["stochastic"]["label"], groups[""]["label"])
    assert (groups["stochastic"]["z_error"] < 1e-7).all()
    fixed = _recover(tmp_path, labelled, "--trials", 4, "--label", 2)
    assert "label" not in fixed.groups[""]
    assert fixed.attributes["checkpoint_sha256"] != labelled.sha256
    assert (fixed.groups["stochastic"]["z_error"] < 1e-7).all()


def test_noise_moves_z_as_it_does_with_layers(
    tmp_path: Path, layered: Checkpoint, traced: Checkpoint
) -> None:
    found = {}
    for checkpoint in (layered, traced):
        options = ("--checkpoint", ".", "--trials", 4, "--variances", "0,0.01", "--overwrite")
        _run(
            tmp_path,
            checkpoint,
            "noise-sweep",
            *options,
            "--precision",
            "float32",
            "--clip",
            "none",
        )
        found[checkpoint.has_layers] = read_results(tmp_path / "noise-sweep.h5").groups
    for name, group in found[True].items():
        column = "z_error" if "z_error" in group else "cramer_rao"
        np.testing.assert_allclose(found[False][name][column], group[column], 2e-2, 1e-7)


@pytest.mark.slow
def test_minima_are_told_from_slopes_as_with_layers(
    tmp_path: Path, layered: Checkpoint, traced: Checkpoint
) -> None:
    generator, random = make_generator(layered), np.random.default_rng(0)
    for trial in range(3):
        own = make_image(generator, trial)
        save_image(tmp_path / f"own{trial}.png", own)
        noise = random.integers(-60, 60, own.shape)
        save_image(tmp_path / f"noisy{trial}.png", np.clip(own + noise, 0, 255).astype(np.uint8))
    save_image(tmp_path / "noise.png", make_random_pixels(generator))
    found = {}
    for checkpoint in (layered, traced):
        options = ("--image", ".", "--trials", 8, "--clip", "none,stochastic", "--overwrite", "-v")
        fixed = ("consistency", "--checkpoint", "checkpoint", "--batch-size", 16)
        (tmp_path / "checkpoint").mkdir(exist_ok=True)
        said = _run(tmp_path, checkpoint, *fixed, *options)
        said = " ".join(said.split())
        assert ("after refinement in float64" in said) == checkpoint.has_layers
        assert ("after refinement in float32" in said) != checkpoint.has_layers
        found[checkpoint.has_layers] = read_results(tmp_path / "consistency.h5").groups
    outcomes = [
        (group["polished/outcome"], found[False][name]["polished/outcome"])
        for name, group in found[True].items()
        if "polished/outcome" in group
    ]
    assert len(outcomes) == 14
    with_layers, without = (np.concatenate(each) for each in zip(*outcomes, strict=True))
    assert len(set(with_layers)) > 1  # minima and slopes
    assert (with_layers == without).mean() > 0.95


def test_an_image_is_inverted_with_its_certificate(
    tmp_path: Path, layered: Checkpoint, traced: Checkpoint
) -> None:
    save_image(tmp_path / "own.png", make_image(make_generator(layered), 0))
    fixed = ("invert", "own.png", "--checkpoint", ".", "--trials", 4)
    _run(tmp_path, traced, *fixed, "--clip", "standard")
    groups = read_results(tmp_path / "invert.h5").groups
    assert groups["image=0000/standard"]["polished/image_loss"].min() < 1e-2
    values = groups["image=0000/standard/certificate"]["singular_values"]
    assert values.dtype == np.float64
    assert (values > 0).all()


def test_shards_interruptions_and_several_devices_end_the_same(
    tmp_path: Path, traced: Checkpoint
) -> None:
    whole = _recover(tmp_path, traced, "--trials", 12).groups
    devices = MultiDevice(GeneratorSpec(traced), [Device("cpu", 0)] * 2, Machine("two"))

    def interrupt(progress: RunProgress) -> None:
        if progress.finished:
            raise KeyboardInterrupt

    for shard, show, ending in (
        ("1/2", interrupt, pytest.raises(KeyboardInterrupt)),
        ("1/2", _ignore, nullcontext()),
        ("2/2", _ignore, nullcontext()),
    ):
        config = RecoverConfig(trials=12, shard=shard, batch_size=4)
        with ending:
            recover(config, devices, tmp_path / f"{shard[0]}.h5", False, show)
    run_ganinv(tmp_path, "merge", "merged.h5", "1.h5", "2.h5")
    merged = read_results(tmp_path / "merged.h5").groups
    np.testing.assert_array_equal(merged["none"]["trial"], whole["none"]["trial"])
    np.testing.assert_allclose(merged["none"]["z_found"], whole["none"]["z_found"], atol=1e-3)


def _ignore(progress: RunProgress) -> None:
    """Show nothing."""


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("recover", "--precision", "mixed"), "precision = mixed: here was read as TensorFlow"),
        (("recover", "--polish", "float64"), "polish = float64: here was read as TensorFlow"),
        (
            ("noise-sweep", "--precision", "mixed", "--variances", "0,1"),
            "could be computed in bfloat16; leave",
        ),
        (("recover", *COUPLED), "here has no layers of batch norm"),
        (("recover", "--label", 3), "here has no labels"),
        (("train-encoder", "--precision", "bfloat16"), "could be computed in bfloat16; leave"),
    ],
)
def test_what_needs_layers_is_refused_in_a_sentence(
    tmp_path: Path, traced: Checkpoint, arguments: tuple[object, ...], sentence: str
) -> None:
    command, *options = arguments
    said = _run(tmp_path, traced, command, "--checkpoint", ".", *options, code=2)
    (last,) = [line for line in said.splitlines() if line.startswith("Error")]
    assert sentence in last
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("options", [(), ("--label", 1)])
def test_operations_are_not_converted(
    tmp_path: Path, labelled: Checkpoint, options: tuple[object, ...]
) -> None:
    said = _run(tmp_path, labelled, "convert", ".", "out.keras", *options, code=2)
    assert (
        "here was read as TensorFlow operations, not as layers, so it cannot be converted" in said
    )


@pytest.mark.parametrize("precision", ["auto", "float32"])
def test_a_machine_with_fast_bfloat16_computes_it_in_float32(
    traced: Checkpoint, precision: str
) -> None:
    config = RecoverConfig(precision=precision)  # type: ignore[arg-type]
    with (
        mock.patch("ganinv_cli.engine.devices.read_cpuinfo", return_value="amx_bf16"),
        open_engine(config, LoadedGenerator("traced", traced), SILENT) as engine,
    ):
        assert engine.machine.precision == "float32"
