"""A label behind z is found by the means of the first norm, and such a file never confirmed."""

from dataclasses import replace

import numpy as np
import pytest
from random_generators import write_random_generator
from torch_files import save_archive

from ganinv_cli.generators.formats import read
from ganinv_cli.generators.formats.cached_check import check_norms
from ganinv_cli.inspection.certainty import describe_next_step, describe_verdict
from ganinv_cli.inspection.facts import describe_definition
from ganinv_cli.settings.conventions import Conventions

TESTABLE = 5  # a seed whose first norm follows a matrix, with more channels than inputs


def inspect(path, **conventions):
    """What `ganinv inspect` prints first: the verdict and the next step."""
    definition = read(path, Conventions(**conventions))
    facts = describe_definition(replace(definition, norm_check=check_norms(definition)))
    facts["arguments"] = "netG.pt"
    return describe_verdict(facts), describe_next_step(facts)


def test_labels_are_named_and_given_they_are_confirmed(tmp_path):
    path = write_random_generator(TESTABLE, tmp_path, labels=7).path
    verdict, step = inspect(path)
    assert verdict == "Not confirmed: its last 7 inputs have the means of a one-hot label."
    assert step.replace("\N{NO-BREAK SPACE}", " ") == "ganinv inspect netG.pt --labels 7"
    verdict, _ = inspect(path, labels=7)
    assert "is confirmed by its batch norms, from z" in verdict


@pytest.mark.parametrize(("place", "number"), [("first", 8), ("last", 8), ("last", 0)])
def test_averages_that_lag_behind_the_weights_tell_the_labels(tmp_path, place, number):
    """As early in training: the sum of the means of labels before z is off by .03."""
    random = np.random.default_rng(0)
    means = random.normal(0, 0.03, 60)  # of z, of the last batches
    labels = np.full(number, 1 / max(1, number))
    inputs = np.concatenate([labels, means] if place == "first" else [means, labels])
    weights = random.normal(0, 0.02, (len(inputs), 80, 4, 4)).astype(np.float32)
    earlier = weights + random.normal(0, 0.002, weights.shape)
    state = {
        "main.0.weight": weights,
        "main.1.running_mean": np.einsum("i,icyx->c", inputs, earlier) / 16,
        "main.1.running_var": np.square(weights).sum((0, 2, 3)) / 16,
        "main.3.weight": random.normal(0, 0.02, (80, 1, 4, 4)),
    }
    arrays = {name: array.astype(np.float32) for name, array in state.items()}
    verdict, _ = inspect(save_archive(tmp_path / "g.pt", arrays))
    words = f"its {place} {number} inputs have the means of a one-hot label"
    assert (words in verdict) == bool(number)
    assert number or "label" not in verdict.partition(".")[0]


def test_without_labels_that_is_confirmed(tmp_path):
    definition = read(write_random_generator(TESTABLE, tmp_path).path)
    (row,) = [row for row in definition.conventions if row.name == "labels"]
    assert (row.value, row.source) == ("0", "confirmed")


@pytest.mark.nightly
def test_labels_that_the_means_of_z_hide_are_not_denied(tmp_path):
    """Each of 20 labels has a mean of .05, and those of z vary as much."""
    path = write_random_generator(11, tmp_path, labels=20).path
    assert inspect(path)[0].startswith("Not confirmed")
    assert [row.source for row in read(path).conventions if row.name == "labels"] == ["assumed"]
