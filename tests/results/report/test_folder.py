"""The folder of a report: each file whole or not at all, the same each time, by the given names."""

import json
from pathlib import Path
from unittest.mock import Mock

import builders
import numpy as np
import pytest
from called import make_image, make_random_pixels, run_ganinv, save_image
from known_results import make_group, make_results
from PIL import Image
from reports.known_sweep import make_image_groups, make_image_results, make_picture

from ganinv_cli.errors import GaninvError
from ganinv_cli.experiments.summary import summarize
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.results.report.folder import PAGE, write_report
from ganinv_cli.results.report.image_figures import iterate_pictures, make_file_stem
from ganinv_cli.results.store import read_results

pytestmark = pytest.mark.usefixtures("without_encoding")


def write(folder, results=None):
    results = results or make_results()
    return write_report(summarize(results, folder.name), folder)


def read(folder):
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def test_a_report_written_twice_is_the_same_and_a_failed_write_leaves_it(tmp_path, monkeypatch):
    write(tmp_path)
    before = read(tmp_path)
    write(tmp_path)
    assert read(tmp_path) == before

    full_disk = Mock(side_effect=OSError(28, "No space left on device"))
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full_disk)
        with pytest.raises(GaninvError, match="No space left on device"):
            write(tmp_path, make_results({"none": make_group(np.arange(3), 0)}))
    assert read(tmp_path) == before
    with pytest.raises(GaninvError, match="cannot be written there"):
        write(tmp_path / PAGE / "out")


def test_no_figure_of_an_earlier_run_stays_and_every_other_file_does(tmp_path):
    images = {f"{number}.png": make_image_groups() for number in range(7)}
    write(tmp_path, make_image_results("invert", **images))
    assert (tmp_path / "reconstructions-2.png").exists()
    own = ["reconstruction.png", "notes.txt", "images/holiday.png"]
    for name in own:
        (tmp_path / name).touch()
    write(tmp_path, make_image_results("invert", **{"0.png": images["0.png"]}))
    assert not (tmp_path / "reconstructions-2.png").exists()
    assert {path.name[:6] for path in (tmp_path / "images").iterdir()} == {"0000-0", "holida"}
    assert all((tmp_path / name).exists() for name in ["reconstructions.png", *own])


@pytest.mark.parametrize("channels", [1, 3])
def test_each_image_has_three_pictures_at_the_generators_size(tmp_path, channels):
    groups = make_image_groups() | make_image_groups(technique="none")
    for rule in ("none", "stochastic"):
        certificate = groups[f"{rule}/certificates"]
        certificate["reconstruction"] = certificate["reconstruction"][..., :channels]
    results = make_image_results("invert", **{"a b.png": groups, "unread": "no image", "later": {}})
    images = results.groups["images"]
    images["target"] = images["target"][..., :channels]
    write(tmp_path, results)
    names = [
        *("original", "none-reconstruction", "none-difference"),
        *("stochastic-reconstruction", "stochastic-difference"),
    ]
    found = dict(iterate_pictures(summarize(results, "x")))
    assert list(found) == [f"images/0000-a_b-{name}.png" for name in names]
    assert np.median(found["images/0000-a_b-none-difference.png"][..., 0]) == 128 + 64
    for name, brighter in zip(names[:2], (0, 8), strict=True):
        with Image.open(tmp_path / "images" / f"0000-a_b-{name}.png") as image:
            expected = make_picture(16, brighter)[:, :, :channels].squeeze()
            assert np.array_equal(np.asarray(image), expected)


def test_the_name_of_an_image_leads_to_no_other_folder():
    names = ("../../etc/x.png", "a/b.png", "né $(x).jpeg", "n" * 200 + ".png")
    assert [make_file_stem(name) for name in names] == ["x", "b", "n____x_", "n" * 60]


@pytest.mark.usefixtures("without_encoding")
def test_images_of_equal_names_get_their_folder_each_time(tmp_path):
    generator = make_generator(builders.make_definition(tmp_path / "checkpoint"))
    for place, pixels in (("p", make_image(generator, 0)), ("q", make_random_pixels(generator))):
        (tmp_path / "faces" / place).mkdir(parents=True)
        save_image(tmp_path / "faces" / place / "x.png", pixels)
        (tmp_path / "faces" / place / "text.png").write_text("no image", encoding="utf-8")
    given = ("faces", "--checkpoint", "checkpoint", "--trials", 2, "--batch-size", 8)
    for _ in range(2):
        result = run_ganinv(tmp_path, "invert", *given, "--format", "json", code=1)
        tables = json.loads(result.stdout)["tables"]
        assert [row["image"] for row in tables["invert"]] == ["p/x.png", "q/x.png"]
        assert [row["image"] for row in tables["unread"]] == ["p/text.png", "q/text.png"]
        assert "same image" not in result.stderr
    names = read_results(tmp_path / "invert.h5").groups["images"]["name"]
    assert names.tolist() == [b"p/text.png", b"p/x.png", b"q/x.png"]  # one text, two names
