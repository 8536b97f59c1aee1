"""What a command prints and writes has each image under the name that the command gave."""

import json
import shutil

import builders
import numpy as np
import pytest
from called import make_image, make_random_pixels, run_ganinv, save_image

from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.store import read_results


def list_names(result, table="invert"):
    return [row["image"] for row in json.loads(result.stdout)["tables"][table]]


@pytest.mark.usefixtures("without_encoding")
def test_each_name_has_its_row_and_pictures_and_equal_names_get_their_folder(tmp_path):
    generator = make_generator(builders.make_checkpoint(tmp_path / "checkpoint"))
    for place, pixels in (("p", make_image(generator, 0)), ("q", make_random_pixels(generator))):
        (tmp_path / "faces" / place).mkdir(parents=True)
        save_image(tmp_path / "faces" / place / "x.png", pixels)
        (tmp_path / "faces" / place / "text.png").write_text("no image")
    shutil.copy(tmp_path / "faces" / "q" / "x.png", tmp_path / "copy.png")

    def run(*images, code=1):
        options = ("--trials", 2, "--batch-size", 8, "--npz", "z.npz", "--format", "json")
        given = (*images, "--checkpoint", "checkpoint", *options)
        return run_ganinv(tmp_path, "invert", *given, code=code, publishing=True)

    for _ in range(2):
        result = run("faces")
        assert list_names(result) == ["p/x.png", "q/x.png"]
        assert list_names(result, "unread") == ["p/text.png", "q/text.png"]
        assert "same image" not in result.stderr
    result = run("copy.png", "faces/q/x.png", code=0)
    assert "copy.png is the same image as q/x.png in invert.h5" in result.stderr
    copy, first = json.loads(result.stdout)["tables"]["invert"]
    assert copy == first | {"image": "copy.png"}
    with np.load(tmp_path / "z.npz") as file:
        assert file["names"].tolist() == ["copy.png", "x.png"]
        assert file["z"].tolist() == [copy["z_found"], first["z_found"]]
    pictures = {path.name for path in (tmp_path / "invert" / "images").glob("0003-*-original.png")}
    assert pictures == {"0003-copy-original.png", "0003-x-original.png"}
    assert "z_found" not in (tmp_path / "invert" / "invert.csv").read_text()
    groups = read_results(tmp_path / "invert.h5").groups
    stored = [groups[name]["name"][0].decode() for name in sorted(groups) if "/" not in name]
    assert stored == ["p/text.png", "p/x.png", "q/text.png", "q/x.png"]
