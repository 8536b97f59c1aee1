"""`ganinv consistency`, from the command line to the results file."""

import json
import re

import builders
import numpy as np
import pytest
from called import make_image, make_random_pixels, make_z, run_ganinv, save_image

from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.outcome import Outcome
from ganinv_cli.store import read_results

RULES = ("standard", "stochastic")
SETTINGS = ("--clip", ",".join(RULES), "--restarts", 6, "--batch-size", 16)


@pytest.fixture(scope="module")
def hard(tmp_path_factory):
    """A small checkpoint on which first starts fail: its folder, and its generator."""
    folder = tmp_path_factory.mktemp("hard")
    return folder, make_generator(builders.make_hard_checkpoint(folder))


@pytest.fixture(scope="module")
def pictures(hard, tmp_path_factory):
    """A folder with an image of the generator's own and one of noise."""
    folder = tmp_path_factory.mktemp("pictures")
    save_image(folder / "made.png", make_image(hard[1], 0))
    save_image(folder / "noise.png", make_random_pixels(hard[1]))
    return folder


def _consistency(folder, hard, *more, **keywords):
    return run_ganinv(folder, "consistency", "--checkpoint", hard[0], *more, **keywords)


@pytest.fixture(scope="module")
def found(hard, pictures, tmp_path_factory):
    """Of both images."""
    folder = tmp_path_factory.mktemp("found")
    given = ("--image", pictures / "made.png", "--image", pictures, "--trials", 8)
    result = _consistency(folder, hard, *given, *SETTINGS, "--format", "json", publishing=True)
    return folder, result, read_results(folder / "consistency.h5")


def _row(result, number, technique="stochastic"):
    (row,) = (
        row
        for row in json.loads(result.stdout)["tables"]["table2"]
        if (row["number"], row["technique"]) == (number, technique)
    )
    return row


def test_the_recoveries_of_a_generated_image_are_one_minimum(hard, found):
    _, result, results = found
    row = _row(result, 0)
    assert (row["minima"]["distinct"], row["minima"]["largest"], row["strays"]) == (1, 8, 0)
    assert row["distance"]["median"] < 1e-5
    assert row["verdict"] == "undecided: only 8 recoveries"  # too few to call it unique
    group = results.groups["image=0000/stochastic"]
    assert (group["restarts"] > 0).any()  # single starts alone would not agree
    assert len(np.unique(group["z_start"], axis=0)) == 8
    np.testing.assert_allclose(
        group["polished/z_found"], make_z(hard[1], 0).repeat(8, 0), atol=0.05
    )


def test_an_image_of_noise_is_farther_than_rounding_from_what_the_generator_makes(found):
    _, result, results = found
    assert _row(result, 1)["psnr"] < 15
    assert _row(result, 0)["psnr"] > 40
    assert _row(result, 0)["nearest_copy"] == "8 bits"
    assert _row(result, 1)["nearest_copy"] != "8 bits"
    assert (results.groups["image=0001/stochastic"]["restarts"] == 6).all()


def test_images_are_taken_once_in_the_order_given_and_folders_by_name(pictures, found):
    groups = found[2].groups
    names = [groups[f"image={number:04d}"]["name"][0] for number in (0, 1)]
    assert names == [b"made.png", b"noise.png"]
    assert "image=0002" not in groups
    assert "z_true" not in groups.get("", {})
    for rule in RULES:
        assert "z_error" not in groups[f"image=0000/{rule}"]


def test_stored_losses_are_those_of_the_stored_z_and_target(hard, found):
    for number in (0, 1):
        target = found[2].groups[f"image={number:04d}"]["target"][0] / 127.5 - 1
        for rule in RULES:
            group = found[2].groups[f"image={number:04d}/{rule}"]
            for start in ("", "first/", "polished/"):
                images = hard[1].render(group[f"{start}z_found"], 8)
                loss = ((images - target) ** 2).sum((1, 2, 3))
                np.testing.assert_allclose(group[f"{start}image_loss"], loss, rtol=1e-4)


def test_the_certificate_is_of_the_best_recovery(hard, found):
    for number in (0, 1):
        group = found[2].groups[f"image={number:04d}/standard"]
        certificate = found[2].groups[f"image={number:04d}/standard/certificate"]
        assert certificate["recoveries"].tolist() == [8]
        assert certificate["best"][0] == np.argmin(group["polished/image_loss"])
        z = group["polished/z_found"][certificate["best"]]
        image = np.rint((hard[1].render(z, 1)[0] + 1) * 127.5)
        assert abs(certificate["reconstruction"][0] - image).max() <= 1
        assert (np.diff(certificate["singular_values"][0]) <= 0).all()


@pytest.mark.slow
def test_a_recovery_does_not_depend_on_the_batch_size(hard, pictures, found, tmp_path):
    _consistency(tmp_path, hard, "--image", pictures, *SETTINGS, "--trials", 3, "--batch-size", 4)
    small = read_results(tmp_path / "consistency.h5")
    for name in ("image=0000/standard", "image=0000/stochastic", "image=0001/stochastic"):
        one, other = found[2].groups[name], small.groups[name]
        assert (one["z_start"][:3] == other["z_start"]).all()
        loss = one["polished/image_loss"][:3]
        np.testing.assert_allclose(loss, other["polished/image_loss"], rtol=1e-3)
        z = one["polished/z_found"][:3]
        np.testing.assert_allclose(z, other["polished/z_found"], atol=5e-2)


def test_coupled_recoveries_are_one_batch_an_image_and_rule(hard, pictures, tmp_path):
    coupled = ("--batch-norm", "batch", "--solver", "gd", "--tolerance", 0, "--budget", 40)
    given = ("--clip", "none,standard", "--restarts", 0, "--trials", 4, "--image")
    for name, images in (("both", pictures), ("alone", pictures / "noise.png")):
        _consistency(tmp_path, hard, *coupled, *given, images, "--out", f"{name}.h5")
    both, alone = (read_results(tmp_path / f"{name}.h5").groups for name in ("both", "alone"))
    for rule in ("none", "standard"):
        group = both[f"image=0001/{rule}"]
        assert group["trial"].tolist() == [0, 1, 2, 3]
        assert (group["outcome"] == Outcome.budget).all()
        assert "polished/z_found" not in group
        assert (group["z_found"] == alone[f"image=0000/{rule}"]["z_found"]).all()
        assert np.isnan(both[f"image=0001/{rule}/certificate"]["singular_values"]).all()
    refused = (*coupled, *given, pictures, "--batch-size", 2, "--out", "refused.h5")
    said = _consistency(tmp_path, hard, *refused, code=2).stderr
    assert "batch_size is 2, and must be the number of trials, 4" in said


def test_progress_counts_what_converged(found):
    assert re.search(r"32/32 trials .*, 32 converged", found[1].stderr)
    assert "recovered" not in found[1].stderr
