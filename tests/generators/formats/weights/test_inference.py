"""The statistics of batch norms determine conventions; the others stay assumed."""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from random_generators import write_random_generator
from safetensors_files import write_safetensors
from settled import settle_norms
from torch_files import save_archive

from ganinv_cli.errors import CheckpointError
from ganinv_cli.generators.formats import read
from ganinv_cli.generators.formats.cached_check import check_norms
from ganinv_cli.generators.formats.weights import hypotheses as search
from ganinv_cli.generators.formats.weights import infer_conventions, pictures
from ganinv_cli.generators.network.definition import Convention, Definition, summarize_inferred
from ganinv_cli.generators.network.graph import Network
from ganinv_cli.generators.network.layers import BatchNorm
from ganinv_cli.prior import Uniform, parse_prior
from ganinv_cli.settings.conventions import Conventions

SEEDS = (0, *range(2, 8))  # the sides of 1 cannot be inferred
USUAL = {"strides": ["1", "2", "2"], "padding": ["0", "1", "1"], "activation": ["relu", "relu"]}
EARLY = Path(__file__).parents[3] / "data" / "early.pt"  # of exported/pytorch_early.py
GREY = 3  # a seed whose generator is small, and whose prior is uniform


def find_row(definition: Definition, name: str) -> Convention:
    """The first row of a convention."""
    return next(row for row in definition.conventions if row.name == name)


@pytest.mark.parametrize(
    "seed",
    [
        3,
        pytest.param(4, marks=pytest.mark.slow),
        *(pytest.param(n, marks=pytest.mark.nightly) for n in SEEDS if n not in (3, 4)),
    ],
)
def test_what_is_inferred_of_a_random_generator_is_true(tmp_path, seed):
    generator = write_random_generator(seed, tmp_path)
    definition = read(generator.path)
    inferred = {
        (row.name, row.layer): row.value
        for row in definition.conventions
        if row.source in ("inferred", "confirmed")
    }
    truth = generator.truth | {("prior", ""): generator.prior, ("labels", ""): "0"}
    assert inferred.items() <= truth.items()
    assert not inferred.keys() & generator.behind  # what no norm follows
    assert all(row.source != "pictures" for row in definition.conventions)  # those of noise
    assert inferred.get(("prior", ""), generator.prior) == generator.prior


@pytest.fixture(scope="module")
def grey(tmp_path_factory):
    """A small generator, whose prior is uniform from 0 to 1."""
    return write_random_generator(GREY, tmp_path_factory.mktemp("grey"))


def test_an_inferred_prior_is_used_and_no_longer_assumed(grey):
    definition = read(grey.path)
    assert definition.prior == Uniform(0, 1)
    row = find_row(definition, "prior")
    assert row.source == "inferred" and row.discrepancy is not None and row.runner_up
    assert row.discrepancy < row.runner_up.discrepancy
    assert not any("--prior" in clause for clause in definition.assumed)
    assert summarize_inferred(definition.conventions).startswith("prior uniform:0,1; ")


def test_a_given_value_wins_even_if_the_statistics_contradict_it(grey):
    definition = read(grey.path, Conventions(prior="normal", epsilon=(1e-5,)))
    row = find_row(definition, "prior")
    assert (row.value, row.source) == ("normal", "given")
    assert definition.prior != Uniform(0, 1)
    assert find_row(definition, "epsilon").source == "given"
    check = check_norms(definition)
    assert check.status == "unexplained" and check.doubt


def make_untrained(
    variance: float, channels: tuple[int, ...] = (64, 64, 32, 3)
) -> dict[str, np.ndarray]:
    """A generator as PyTorch's DCGAN example initialises it; its norms store mean 0."""
    random = np.random.default_rng(0)
    state: dict[str, np.ndarray] = {}
    for number, (inputs, outputs) in enumerate(itertools.pairwise(channels)):
        kernel = random.normal(0, 0.02, (inputs, outputs, 4, 4))
        state[f"main.{3 * number}.weight"] = kernel.astype(np.float32)
        if outputs > 3:
            leaves = {"weight": 1, "bias": 0, "running_mean": 0, "running_var": variance}
            for leaf, value in leaves.items():
                state[f"main.{3 * number + 1}.{leaf}"] = np.full(outputs, value, np.float32)
    return state


def test_statistics_that_were_never_updated_tell_nothing(tmp_path):
    path = write_safetensors(tmp_path / "g.safetensors", make_untrained(1))
    definition = read(path)
    assert definition.prior == parse_prior("normal:1", 64)
    assert_usual(definition)
    assert all(row.discrepancy is None for row in definition.conventions)


def assert_usual(definition: Definition) -> None:
    """All conventions are the usual ones, and assumed."""
    assert {row.source for row in definition.conventions} <= {"assumed", "file"}
    values = {name: [r.value for r in definition.conventions if r.name == name] for name in USUAL}
    assert values == USUAL


def test_averages_of_few_steps_decide_nothing():
    """Its first norm fits normal:2, because 4 % of its averages are still 1."""
    definition = read(EARLY)
    assert_usual(definition)
    assert definition.prior == parse_prior("normal:1", 32)
    assert definition.network.image_shape == (16, 16, 1)
    check = check_norms(definition)
    assert (
        not check.is_confirmed and "they may be unsettled (saved early in training" in check.doubt
    )


def test_a_prior_without_round_numbers_is_named_but_not_taken(tmp_path):
    state = make_untrained(0.999)
    for leaf in ("weight", "bias", "running_mean", "running_var"):
        del state[f"main.4.{leaf}"]
    definition = read(save_archive(tmp_path / "g.pt", state))
    row = find_row(definition, "prior")
    assert (row.value, row.source, row.discrepancy) == ("normal:1", "assumed", None)
    doubt = check_norms(definition).doubt
    assert "e.g. --prior normal:6." in doubt and "may be unsettled (saved early" in doubt


def test_an_inference_is_kept_for_the_same_content(grey, monkeypatch):
    monkeypatch.delenv("GANINV_NO_CACHE", raising=False)
    first = read(grey.path)

    def refuse(design: object) -> None:
        raise AssertionError("inferred again")

    monkeypatch.setattr(infer_conventions, "infer_conventions", refuse)
    assert replace(read(grey.path), network=first.network) == first
    with pytest.raises(AssertionError, match="inferred again"):
        read(grey.path, Conventions(prior="normal:2"))


def test_several_layers_before_the_first_norm_start_a_bounded_search(tmp_path, monkeypatch):
    state = make_untrained(0.5, channels=(16, 16, 16, 16, 3))
    norms = [name for name in state if name.startswith(("main.1.", "main.4."))]
    for name in norms:
        del state[name]

    class SearchStartsError(Exception):
        pass

    def stop(segment: search.Segment, hypotheses: list[search.Hypothesis], effort: object) -> None:
        raise SearchStartsError(len(hypotheses))

    monkeypatch.setattr(search.Segment, "score", stop)
    with pytest.raises(SearchStartsError) as caught:
        read(save_archive(tmp_path / "g.pt", state))
    assert caught.value.args[0] <= search.MAX_PRIOR_STARTS


def make_settled(folder: Path, *activations: str) -> dict[str, np.ndarray]:
    """A generator with statistics of its own run, with these activations between its layers."""
    state = make_untrained(1)
    path = save_archive(folder / "initial.pt", state)
    network = read(path, Conventions(activation=",".join(activations))).network
    assert isinstance(network, Network)
    norms = [n.layer for n in settle_norms(network).nodes if isinstance(n.layer, BatchNorm)]
    for number, norm in enumerate(norms):
        state[f"main.{3 * number + 1}.running_mean"] = norm.mean
        state[f"main.{3 * number + 1}.running_var"] = norm.variance
    return state


def test_statistics_that_fit_no_sequence_are_refused(tmp_path):
    """As behind the first sum of a residual network, whose names read like those of a sequence."""
    state = make_settled(tmp_path, "relu", "relu")
    state["main.4.running_mean"] += 0.35 * np.sqrt(state["main.4.running_var"])
    words = r"statistics of main\.4 fit no sequence .* it has branches.* ONNX"
    with pytest.raises(CheckpointError, match=words):
        read(save_archive(tmp_path / "g.pt", state))


def test_a_usual_value_is_confirmed_and_an_untested_place_is_as_its_neighbours(tmp_path):
    state = make_settled(tmp_path, "leaky_relu:0.2", "leaky_relu:0.2")
    definition = read(save_archive(tmp_path / "g.pt", state))
    rows = {(row.name, row.layer): (row.value, row.source) for row in definition.conventions}
    assert rows["strides", "main.3"] == ("2", "confirmed")
    assert rows["activation", "main.0"] == ("leaky_relu:0.2", "inferred")
    assert rows["activation", "main.3"] == ("leaky_relu:0.2", "assumed")
    clause = "activation leaky_relu:0.2 of main.3, which no norm tests (--activation)"
    assert clause in definition.assumed


def test_checkered_pictures_of_an_even_kernel_leave_its_stride_open(tmp_path, monkeypatch):
    """As a DCGAN makes them early in training; with a stride of 1 its sides would be odd."""
    path = save_archive(tmp_path / "g.pt", make_settled(tmp_path, "relu", "relu"))
    ratios = {15: 0.5, 16: 1.0}  # by the side of the pictures
    monkeypatch.setattr(pictures, "compare_neighbours", lambda made: ratios.get(made.shape[1], 0.5))
    last = [row for row in read(path).conventions if row.name == "strides"][-1]
    assert (last.value, last.source) == ("2", "assumed")
