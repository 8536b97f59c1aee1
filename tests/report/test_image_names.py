"""What a command prints and writes has each image under the name that the command gave."""

import json
import shutil

import builders
import numpy as np
import pytest
from called import make_image, make_random_pixels, run_ganinv, save_image

from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.store import read_results

pytestmark = pytest.mark.usefixtures("without_encoding")


@pytest.fixture(scope="module")
def inverted(tmp_path_factory):
    """A folder with a generator, three images, and the results of a.png and noise.png."""
    folder = tmp_path_factory.mktemp("inverted")
    generator = make_generator(builders.make_checkpoint(folder / "checkpoint"))
    for number, name in enumerate(("a.png", "b.png")):
        save_image(folder / name, make_image(generator, number))
    save_image(folder / "noise.png", make_random_pixels(generator))
    run(folder, "invert", "a.png", "noise.png")
    return folder


@pytest.fixture
def folder(inverted, tmp_path):
    """A copy of that folder, with a copy of an image."""
    shutil.copytree(inverted, tmp_path / "copied")
    shutil.copy(inverted / "noise.png", tmp_path / "copied" / "copy.png")
    return tmp_path / "copied"


def run(folder, command, *given, **keywords):
    more = ("--checkpoint", "checkpoint", "--trials", 2, "--batch-size", 8, "--format", "json")
    return run_ganinv(folder, command, *given, *more, **keywords)


def list_names(result, table="invert"):
    return [row["image"] for row in json.loads(result.stdout)["tables"][table]]


def test_an_image_has_a_row_and_pictures_under_each_of_its_names(folder):
    names = ["copy.png", "a.png", "noise.png"]
    result = run(folder, "invert", *names, "--npz", "z.npz", publishing=True)
    assert "copy.png is the same image as noise.png in invert.h5" in result.stderr
    assert list_names(result) == names
    copy, _, noise = json.loads(result.stdout)["tables"]["invert"]
    assert copy == noise | {"image": "copy.png"}
    with np.load(folder / "z.npz") as file:
        assert file["names"].tolist() == names
        assert file["z"][[0, 2]].tolist() == [copy["z_found"], noise["z_found"]]
    pictures = {path.name for path in (folder / "invert" / "images").glob("*-original.png")}
    assert pictures == {f"{stem}-original.png" for stem in ("0001-copy", "0000-a", "0001-noise")}
    for style in ("csv", "txt", "md", "tex"):
        assert "z_found" not in (folder / "invert" / f"invert.{style}").read_text()
    reported = run_ganinv(folder, "report", "invert.h5", "--format", "json")
    assert list_names(reported) == ["a.png", "noise.png"]
    alone = run(folder, "invert", "copy.png", "-q")
    assert "same image" not in alone.stderr
    assert "copy.png" in json.loads(alone.stdout)["answer"]


def test_consistency_and_comparisons_have_each_name_too(folder):
    names = ["b.png", "copy.png", "noise.png"]
    images = [word for name in names for word in ("--image", name)]
    result = run(folder, "consistency", *images, "--clip", "none", publishing=True)
    assert list_names(result, "table2") == names
    figures = {path.name for path in (folder / "consistency").glob("*.png")}
    assert figures == {"image=0000.png", "image=0001.png"}
    shutil.copytree(folder / "checkpoint", folder / "other")
    compared = run(folder, "invert", "copy.png", "noise.png", "--checkpoint", "other")
    assert list_names(compared, "attribution") == ["copy.png", "noise.png"]


def test_equal_names_get_the_folder_that_tells_them_apart(folder):
    for place, name in (("p", "a.png"), ("q", "noise.png")):
        (folder / "faces" / place).mkdir(parents=True)
        shutil.copy(folder / name, folder / "faces" / place / "x.png")
        (folder / "faces" / place / "text.png").write_text("no image")
    for _ in range(2):
        result = run(folder, "invert", "faces", "--npz", "z.npz", "--out", "all.h5", code=1)
        assert list_names(result) == ["p/x.png", "q/x.png"]
        assert list_names(result, "unread") == ["p/text.png", "q/text.png"]
        assert "same image" not in result.stderr
    with np.load(folder / "z.npz") as file:
        assert file["names"].tolist() == ["p/x.png", "q/x.png"]
    result = run(folder, "invert", "faces/q/x.png", "--out", "all.h5")
    assert list_names(result) == ["x.png"]
    groups = read_results(folder / "all.h5").groups
    stored = [groups[name]["name"][0].decode() for name in sorted(groups) if "/" not in name]
    assert stored == ["p/text.png", "p/x.png", "q/text.png", "q/x.png"]
