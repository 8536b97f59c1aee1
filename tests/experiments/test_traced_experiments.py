"""A traced generator gives the same results as its layers; unsupported settings are refused."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import builders
import numpy as np
import pytest
from called import run_ganinv

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
def traced(easy: SimpleNamespace) -> Checkpoint:
    return builders.trace_layers(builders.read(easy.folder))


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
