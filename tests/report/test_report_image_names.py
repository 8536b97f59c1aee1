"""What a command prints and writes has each image under the name that the command gave."""

import json
import shutil

import builders
import numpy as np
import pytest
from called import make_image, make_random_pixels, run_ganinv, save_image

from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.store import read_results


@pytest.fixture(scope="module")
def inverted(tmp_path_factory):
    """A folder with a generator, three images, and the results of a.png and noise.png."""
    folder = tmp_path_factory.mktemp("inverted")
    generator = make_generator(builders.make_checkpoint(folder / "checkpoint"))
    for number, name in enumerate(("a.png", "b.png")):
        save_image(folder / name, make_image(generator, number))
    save_image(folder / "noise.png", make_random_pixels(generator))
    _run(folder, "invert", "a.png", "noise.png")
    return folder


@pytest.fixture
def folder(inverted, tmp_path):
    """A copy of that folder."""
    return shutil.copytree(inverted, tmp_path / "copied")


def _run(folder, command, *given, **keywords):
    more = ("--checkpoint", "checkpoint", "--trials", 2, "--batch-size", 8, "--format", "json")
    return run_ganinv(folder, command, *given, *more, **keywords)


def _list_names(result, table="invert"):
    return [row["image"] for row in json.loads(result.stdout)["tables"][table]]


def test_an_image_has_a_row_and_pictures_under_each_of_its_names(folder):
    shutil.copy(folder / "noise.png", folder / "copy.png")
    names = ["copy.png", "a.png", "noise.png"]
    result = _run(folder, "invert", *names, "--npz", "z.npz", publishing=True)
    assert "copy.png is the same image as noise.png in invert.h5" in result.stderr
    assert _list_names(result) == names
    copy, _, noise = json.loads(result.stdout)["tables"]["invert"]
    assert copy == noise | {"image": "copy.png"}
    assert copy["number"] == 1
    with np.load(folder / "z.npz") as file:
        assert file["names"].tolist() == names
        assert file["z"][[0, 2]].tolist() == [copy["z_found"], noise["z_found"]]
    pictures = {path.name for path in (folder / "invert" / "images").glob("*-original.png")}
    assert pictures == {f"{stem}-original.png" for stem in ("0001-copy", "0000-a", "0001-noise")}
    reported = run_ganinv(folder, "report", "invert.h5", "--format", "json")
    assert _list_names(reported) == ["a.png", "noise.png"]


def test_quiet_says_nothing_of_another_name(folder):
    shutil.copy(folder / "a.png", folder / "copy.png")
    assert "same image" not in _run(folder, "invert", "copy.png", "-q").stderr


def test_the_answer_has_the_name_of_the_command(folder):
    shutil.copy(folder / "a.png", folder / "made.png")
    answer = json.loads(_run(folder, "invert", "made.png").stdout)["answer"]
    assert "made.png" in answer
    assert "a.png" not in answer


def test_consistency_has_each_name_too_and_a_figure_for_each_image(folder):
    shutil.copy(folder / "a.png", folder / "copy.png")
    names = ["b.png", "copy.png", "a.png"]
    images = [word for name in names for word in ("--image", name)]
    result = _run(folder, "consistency", *images, "--clip", "none", publishing=True)
    assert _list_names(result, "table2") == names
    figures = {path.name for path in (folder / "consistency").glob("*.png")}
    assert figures == {"image=0000.png", "image=0001.png"}


def test_several_generators_are_compared_on_each_name(folder):
    shutil.copytree(folder / "checkpoint", folder / "other")
    shutil.copy(folder / "a.png", folder / "copy.png")
    result = _run(folder, "invert", "noise.png", "copy.png", "a.png", "--checkpoint", "other")
    assert _list_names(result, "attribution") == ["noise.png", "copy.png", "a.png"]


def test_equal_names_get_the_folder_that_tells_them_apart(folder):
    for place, name in (("p", "a.png"), ("q", "noise.png")):
        (folder / "faces" / place).mkdir(parents=True)
        shutil.copy(folder / name, folder / "faces" / place / "x.png")
        (folder / "faces" / place / "text.png").write_text("no image")
    shutil.copy(folder / "b.png", folder / "faces" / "q" / "y.png")
    for _ in range(2):
        result = _run(folder, "invert", "faces", "--npz", "z.npz", "--out", "all.h5", code=1)
        assert _list_names(result) == ["p/x.png", "q/x.png", "y.png"]
        assert _list_names(result, "unread") == ["p/text.png", "q/text.png"]
        assert "same image" not in result.stderr
    with np.load(folder / "z.npz") as file:
        assert file["names"].tolist() == ["p/x.png", "q/x.png", "y.png"]
    alone = ("faces/q/x.png", "faces/q/text.png", "--out", "all.h5")
    result = _run(folder, "invert", *alone, code=1)
    assert _list_names(result) == ["x.png"]
    assert _list_names(result, "unread") == ["text.png"]
    assert "same image" not in result.stderr
    groups = read_results(folder / "all.h5").groups
    stored = [groups[name]["name"][0].decode() for name in sorted(groups) if "/" not in name]
    assert stored == ["p/text.png", "p/x.png", "q/text.png", "q/x.png", "y.png"]


def test_z_is_in_the_json_alone(folder):
    result = _run(folder, "invert", "a.png", publishing=True)
    (row,) = json.loads(result.stdout)["tables"]["invert"]
    assert len(row["z_found"]) == row["latent"]
    assert row["z"] in ("polished", "as found")
    for style in ("csv", "txt", "md", "tex"):
        assert "z_found" not in (folder / "invert" / f"invert.{style}").read_text()
