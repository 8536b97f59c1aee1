"""The statistics of batch norms determine conventions; the others stay assumed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from random_generators import write_random_generator
from residual_generators import make_residual_state
from torch_files import save_archive
from torch_generators import make_dcgan

from ganinv_cli.errors import CheckpointError
from ganinv_cli.formats import read
from ganinv_cli.formats.weights.inference import infer, kept
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.convention import Convention, summarize_inferred
from ganinv_cli.prior import Uniform
from ganinv_cli.settings.conventions import Conventions

SEEDS = range(16)
GREY = 3  # a seed whose generator is small, and whose prior is uniform


def find_row(checkpoint: Checkpoint, name: str) -> Convention:
    """The first row of a convention."""
    return next(row for row in checkpoint.conventions if row.name == name)


@pytest.mark.parametrize(
    "seed", [pytest.param(n, marks=[pytest.mark.slow] * (n not in (1, 3, 6))) for n in SEEDS]
)
def test_what_is_inferred_of_a_random_generator_is_true(tmp_path: Path, seed: int) -> None:
    generator = write_random_generator(seed, tmp_path)
    checkpoint = read(generator.path)
    inferred = {
        (row.name, row.layer): row.value
        for row in checkpoint.conventions
        if row.source == "inferred"
    }
    truth = generator.truth | {("prior", ""): generator.prior}
    assert inferred.items() <= truth.items()
    assert not inferred.keys() & generator.behind  # what no norm follows
    assert inferred.get(("prior", ""), generator.prior) == generator.prior


def test_an_inferred_prior_is_used_and_no_longer_assumed(tmp_path: Path) -> None:
    generator = write_random_generator(GREY, tmp_path)
    checkpoint = read(generator.path)
    assert generator.prior == "uniform:0,1"
    assert checkpoint.prior == Uniform(0, 1)
    row = find_row(checkpoint, "prior")
    assert row.source == "inferred" and row.discrepancy is not None and row.runner_up
    assert row.discrepancy < row.runner_up.discrepancy
    assert not any("--prior" in clause for clause in checkpoint.assumed)
    assert summarize_inferred(checkpoint.conventions).startswith("prior uniform:0,1; ")


def test_a_given_value_wins_and_is_contradicted(tmp_path: Path) -> None:
    generator = write_random_generator(GREY, tmp_path)
    checkpoint = read(generator.path, Conventions(prior="normal", epsilon=(1e-5,)))
    row = find_row(checkpoint, "prior")
    assert (row.value, row.source) == ("normal", "given")
    assert checkpoint.prior != Uniform(0, 1)
    (sentence, *_) = checkpoint.notes
    assert "speak against --prior normal" in sentence and "uniform:0,1 fits" in sentence


def test_statistics_that_were_never_updated_tell_nothing(tmp_path: Path) -> None:
    state = make_dcgan().state
    for name, array in state.items():
        if name.endswith("running_mean"):
            state[name] = np.zeros_like(array)
        if name.endswith("running_var"):
            state[name] = np.ones_like(array)
    rows = read(save_archive(tmp_path / "g.pt", state)).conventions
    assert {row.source for row in rows} <= {"assumed", "file"}


def test_statistics_that_fit_no_chain_are_refused(tmp_path: Path) -> None:
    path = save_archive(tmp_path / "g.pt", make_residual_state(0))
    words = r"statistics of block1\.norm1 fit no chain .* it has branches.* ONNX"
    with pytest.raises(CheckpointError, match=words):
        read(path)


def test_an_inference_is_kept_for_the_same_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GANINV_NO_CACHE", raising=False)
    generator = write_random_generator(GREY, tmp_path)
    first = read(generator.path)

    def refuse(plan: object) -> infer.Inference:
        raise AssertionError("inferred again")

    monkeypatch.setattr(kept, "infer_conventions", refuse)
    assert replace(read(generator.path), network=first.network) == first
    with pytest.raises(AssertionError, match="inferred again"):
        read(generator.path, Conventions(prior="normal"))
