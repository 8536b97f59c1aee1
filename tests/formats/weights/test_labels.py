"""A label behind z is found by the means of the first norm, and such a file never confirmed."""

from dataclasses import replace

import pytest
from random_generators import write_random_generator

from ganinv_cli.formats import read
from ganinv_cli.formats.cached_check import check_norms
from ganinv_cli.inspection.certainty import describe_next_step, describe_verdict
from ganinv_cli.inspection.facts import describe_checkpoint
from ganinv_cli.settings.conventions import Conventions

TESTABLE = 5  # a seed whose first norm follows a matrix, with more channels than inputs


def inspect(path, **conventions):
    """What `ganinv inspect` prints first: the verdict and the next step."""
    checkpoint = read(path, Conventions(**conventions))
    facts = describe_checkpoint(replace(checkpoint, norm_check=check_norms(checkpoint)))
    facts["arguments"] = "netG.pt"
    return describe_verdict(facts), describe_next_step(facts)


def test_labels_are_named_and_given_they_are_confirmed(tmp_path):
    path = write_random_generator(TESTABLE, tmp_path, labels=7).path
    verdict, step = inspect(path)
    assert verdict == "not confirmed: the means of 7 of its inputs are those of a one-hot label"
    assert step.replace("\N{NO-BREAK SPACE}", " ") == "ganinv inspect netG.pt --labels 7"
    verdict, _ = inspect(path, labels=7)
    assert verdict.startswith("confirmed by its batch norms from z")


def test_without_labels_that_is_confirmed(tmp_path):
    checkpoint = read(write_random_generator(TESTABLE, tmp_path).path)
    (row,) = [row for row in checkpoint.conventions if row.name == "labels"]
    assert (row.value, row.source) == ("0", "confirmed")


@pytest.mark.nightly
def test_labels_that_the_means_of_z_hide_are_not_denied(tmp_path):
    """Each of 20 labels has a mean of .05, and those of z vary as much."""
    path = write_random_generator(11, tmp_path, labels=20).path
    assert inspect(path)[0].startswith("not confirmed")
    assert [row.source for row in read(path).conventions if row.name == "labels"] == ["assumed"]
