"""A stopped consistency run continues, and refuses to continue with other settings."""

import json
import shutil
import signal

import builders
import numpy as np
import pytest
from called import make_image, make_random_pixels, run_and_stop, run_ganinv, save_image

from ganinv_cli.experiments import images, task
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.store import read_results

GROUPS = ("image=0000/none", "image=0000/stochastic", "image=0001/none", "image=0001/stochastic")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """A folder with two images and a mask beside a small checkpoint."""
    folder = tmp_path_factory.mktemp("pictures")
    generator = make_generator(builders.make_checkpoint(folder / "checkpoint"))
    save_image(folder / "made.png", make_image(generator, 0))
    save_image(folder / "noise.png", make_random_pixels(generator))
    mask = np.full(generator.image_shape[:2], 255, np.uint8)
    mask[:4] = 0
    save_image(folder / "mask.png", mask)
    return folder


def _command(pictures, *images):
    given = [argument for image in images for argument in ("--image", pictures / image)]
    small = ("--clip", "none,stochastic", "--batch-size", 3, "--format", "json")
    return ("consistency", "--checkpoint", pictures / "checkpoint", *given, *small)


@pytest.fixture(scope="module")
def command(pictures):
    """The arguments of a command, without --trials."""
    return _command(pictures, "made.png", "noise.png")


@pytest.fixture(scope="module")
def finished(command, tmp_path_factory):
    """The folder of an uninterrupted run, and its output."""
    folder = tmp_path_factory.mktemp("finished")
    return folder, run_ganinv(folder, *command, "--trials", 5)


@pytest.mark.slow
def test_a_killed_run_goes_on_and_ends_the_same(command, finished, tmp_path):
    status, _ = run_and_stop(tmp_path, signal.SIGKILL, *command, "--trials", 5)
    assert status == -signal.SIGKILL
    early = read_results(tmp_path / "consistency.h5")
    rows = {name: group for name, group in early.groups.items() if name in GROUPS}
    assert 0 < sum(len(group["trial"]) for group in rows.values()) < 20
    result = run_ganinv(tmp_path, *command, "--trials", 5)
    late, whole = (read_results(folder / "consistency.h5") for folder in (tmp_path, finished[0]))
    for name, group in rows.items():
        kept = np.isin(late.groups[name]["trial"], group["trial"])
        for column in ("z_found", "polished/z_found", "image_loss", "seconds"):
            assert (late.groups[name][column][kept] == group[column]).all()
    for name in GROUPS:
        one, other = whole.groups[name], late.groups[name]
        assert other["trial"].tolist() == [0, 1, 2, 3, 4]
        assert (one["z_start"] == other["z_start"]).all()
        assert (one["outcome"] == other["outcome"]).all()
        np.testing.assert_allclose(one["polished/z_found"], other["polished/z_found"], atol=1e-3)
        assert late.groups[f"{name}/certificate"]["recoveries"].tolist() == [5]
    for image in ("image=0000", "image=0001"):
        for column in ("name", "sha256", "target"):
            assert (late.groups[image][column] == whole.groups[image][column]).all()
    assert _verdicts(result) == _verdicts(finished[1])
    assert late.complete
    assert not (tmp_path / "consistency.h5.log").exists()


def _verdicts(result):
    table = json.loads(result.stdout)["tables"]["table2"]
    return [(row["image"], row["technique"], row["minima"], row["verdict"]) for row in table]


def test_a_larger_number_of_trials_extends_a_run_and_its_certificates(command, finished, tmp_path):
    shutil.copy(finished[0] / "consistency.h5", tmp_path)
    run_ganinv(tmp_path, *command, "--trials", 7)
    whole, extended = (
        read_results(folder / "consistency.h5") for folder in (finished[0], tmp_path)
    )
    for name in GROUPS:
        assert extended.groups[name]["trial"].tolist() == list(range(7))
        assert (extended.groups[name]["z_found"][:5] == whole.groups[name]["z_found"]).all()
        certificate = extended.groups[f"{name}/certificate"]
        assert certificate["recoveries"].tolist() == [5, 7]
        best = np.argmin(extended.groups[name]["polished/image_loss"])
        assert certificate["best"][-1] == best
    assert extended.complete


def test_a_finished_run_prints_again_and_solves_nothing(command, finished, monkeypatch):
    folder, result = finished
    before = (folder / "consistency.h5").stat().st_mtime_ns
    monkeypatch.setattr(task, "solve", None)
    assert run_ganinv(folder, *command, "--trials", 5).stdout == result.stdout
    assert (folder / "consistency.h5").stat().st_mtime_ns == before


def test_a_run_stopped_before_its_certificates_makes_them_when_it_goes_on(
    pictures, tmp_path, monkeypatch
):
    def interrupted(*_):
        raise KeyboardInterrupt

    short = (*_command(pictures, "made.png"), "--trials", 2)
    with monkeypatch.context() as patch:
        patch.setattr(images, "certify", interrupted)
        said = run_ganinv(tmp_path, *short, code=130).stderr
    assert "the same command goes on" in said
    monkeypatch.setattr(task, "solve", None)
    run_ganinv(tmp_path, *short)
    groups = read_results(tmp_path / "consistency.h5").groups
    assert groups["image=0000/none/certificate"]["recoveries"].tolist() == [2]


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (["--crop", "0,0,8"], "--crop is center in the file, and 0,0,8 here"),
        (["--mask", "mask.png"], "--mask is not set in the file, and "),
        (["--restarts", "3"], "--restarts is 0 in the file, and 3 here"),
    ],
)
def test_other_settings_are_refused_with_what_differs(pictures, finished, other, differs):
    folder = finished[0]
    before = (folder / "consistency.h5").read_bytes()
    given = [pictures / text if text.endswith(".png") else text for text in other]
    images = ("made.png", "noise.png")
    result = run_ganinv(folder, *_command(pictures, *images), "--trials", 5, *given, code=2)
    assert differs in result.stderr
    assert "--overwrite" in result.stderr
    assert result.stdout == ""
    assert (folder / "consistency.h5").read_bytes() == before


def test_the_same_image_elsewhere_goes_on(pictures, finished, tmp_path):
    folder = finished[0]
    for name in ("made.png", "noise.png"):
        shutil.copy(pictures / name, tmp_path / f"copy-of-{name}")
    same = _command(pictures)
    images = ("--image", tmp_path / "copy-of-made.png", "--image", tmp_path / "copy-of-noise.png")
    run_ganinv(folder, *same, *images, "--trials", 5)
