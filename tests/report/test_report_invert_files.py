"""`invert` writes a picture per image, and an archive of z, beside its tables."""

import hashlib

import numpy as np
import pytest
from known_sweep import LATENT, make_image_groups, make_image_results, make_picture
from PIL import Image

from ganinv_cli.errors import GaninvError, ResultsError
from ganinv_cli.report import invert, summarize
from ganinv_cli.report.invert import latents
from ganinv_cli.report.invert.pictures import make_file_stem
from ganinv_cli.report.folder import write_report


def pictures(**given):
    return dict(invert.iterate_pictures(make_image_results("invert", **given)))


def test_each_image_has_three_pictures_at_the_generators_size():
    found = pictures(**{"a portrait.png": make_image_groups(), "b.png": make_image_groups()})
    assert list(found) == [
        f"images/{stem}-{kind}.png"
        for stem in ("0000-a_portrait", "0001-b")
        for kind in ("original", "reconstruction", "difference")
    ]
    original, reconstruction, difference = list(found.values())[:3]
    assert np.array_equal(original, make_picture(16))
    assert np.array_equal(reconstruction, make_picture(16, 8))
    assert np.median(difference, axis=(0, 1)) == pytest.approx([128 + 64, 128 + 32, 128 - 32])


def test_how_much_a_difference_is_amplified_is_in_the_table():
    (row,) = summarize(make_image_results("invert", portrait=make_image_groups()), "x").tables[
        "invert"
    ]
    assert row["difference_amplified"] == 8


def test_pictures_of_several_rules_are_told_apart():
    found = pictures(
        a=make_image_groups() | make_image_groups(technique="none"), unread="no image", later={}
    )
    assert [name.removeprefix("images/0000-a-") for name in found] == [
        "original.png",
        "none-reconstruction.png",
        "none-difference.png",
        "stochastic-reconstruction.png",
        "stochastic-difference.png",
    ]


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("../../etc/x.png", "x"),
        ("a/b.png", "b"),
        ("né $(x).jpeg", "n____x_"),
        ("n" * 200 + ".png", "n" * 60),
    ],
)
def test_a_files_name_can_lead_nowhere_else(name, safe):
    assert make_file_stem(name) == safe


def test_the_pictures_are_written_and_counted_in_the_line(tmp_path):
    results = make_image_results("invert", a=make_image_groups(), b=make_image_groups())
    line = write_report(summarize(results, "x"), results, tmp_path)
    assert f"report.html and 6 pictures in images/ into {tmp_path}/" in line
    with Image.open(tmp_path / "images" / "0001-b-reconstruction.png") as read:
        assert np.array_equal(np.asarray(read), make_picture(16, 8))


def test_grey_pictures_are_written(tmp_path):
    given = make_image_groups()
    certificate = given["stochastic/certificate"]
    for column in ("reconstruction", "distant_reconstruction"):
        certificate[column] = certificate[column][..., :1]
    results = make_image_results("invert", a=given)
    results.groups["image=0000"]["target"] = make_picture(16)[None, :, :, :1]
    write_report(summarize(results, "x"), results, tmp_path)
    with Image.open(tmp_path / "images" / "0000-a-original.png") as read:
        assert np.array_equal(np.asarray(read), make_picture(16)[:, :, 0])


def test_of_a_big_folder_the_first_images_are_in_figures_and_all_in_pictures(monkeypatch):
    monkeypatch.setattr("ganinv_cli.report.invert.figures.MAX_SHOWN", 13)
    results = make_image_results(
        "invert", **{f"{number}.png": make_image_groups(minima=(2,)) for number in range(15)}
    )
    assert [len(drawn.figure.axes) for drawn in invert.REPORT.draw(results).values()] == [36, 3]
    assert len(dict(invert.iterate_pictures(results))) == 45


@pytest.fixture
def saved(monkeypatch, tmp_path):
    """Save the z of results, as if they had been read."""

    def save(results, npz=None):
        monkeypatch.setattr(latents, "read_results", lambda path: results)
        latents.save_latents(tmp_path / "invert.h5", npz or tmp_path / "z.npz")
        with np.load(npz or tmp_path / "z.npz", allow_pickle=False) as read:
            return dict(read)

    return save


def test_the_archive_has_a_row_an_image_and_rule(saved):
    given = make_image_groups(minima=(4, 2), losses=(50.0, 80.0))
    found = saved(
        make_image_results(
            "invert",
            a=given,
            unread="no image",
            b=make_image_groups() | make_image_groups(technique="none"),
        )
    )
    assert found["names"].tolist() == ["a", "b", "b"]
    assert found["rule"].tolist() == ["stochastic", "none", "stochastic"]
    assert found["sha256"].tolist() == ["ab" * 32] * 3
    assert (found["z"].dtype, found["z"].shape) == (np.float64, (3, LATENT))
    assert np.array_equal(found["z"][0], given["stochastic"]["polished/z_found"][0])
    assert found["image_loss"].tolist() == [50] * 3
    assert found["psnr"] == pytest.approx([10 * np.log10(4 * 16 * 16 * 3 / 50)] * 3)
    assert (found["agreeing"].tolist(), found["starts"].tolist()) == ([4, 10, 10], [6, 10, 10])


def test_the_archive_is_the_same_each_time(saved, tmp_path):
    def digest():
        saved(make_image_results("invert", a=make_image_groups()))
        return hashlib.sha256((tmp_path / "z.npz").read_bytes()).digest()

    assert digest() == digest()


def test_a_place_that_cannot_be_written_is_explained(saved, tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(GaninvError, match=r"z\.npz: .* cannot be written") as error:
        saved(make_image_results("invert", a=make_image_groups()), tmp_path / "taken" / "z.npz")
    assert error.value.exit_code == 1


def test_results_without_a_z_are_explained(saved):
    with pytest.raises(ResultsError, match="holds no z of an image"):
        saved(make_image_results("invert", unread="no image"))
