"""`ganinv invert`, from the command line to the results file."""

import json
import re

import builders
import numpy as np
import pytest
from called import make_image, make_random_pixels, make_z, run_ganinv, save_image

from ganinv_cli.experiments import image_files
from ganinv_cli.images import Crop
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.store import read_results

NAMES = ("noise.png", "a.png", "b.png", "text.png")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small checkpoint: its folder, and its generator."""
    folder = tmp_path_factory.mktemp("small")
    return folder, make_generator(builders.make_checkpoint(folder))


def _invert(folder, small, *more, **keywords):
    given = ("--checkpoint", small[0], "--trials", 4, "--batch-size", 8)
    return run_ganinv(folder, "invert", *given, *more, **keywords)


@pytest.fixture(scope="module")
def inverted(small, tmp_path_factory):
    """Invert a file, and a folder with one file that is not an image: folder, output, results."""
    folder = tmp_path_factory.mktemp("inverted")
    save_image(folder / "noise.png", make_random_pixels(small[1]))
    faces = folder / "faces"
    faces.mkdir()
    save_image(faces / "a.png", make_image(small[1], 0))
    save_image(faces / "b.png", make_image(small[1], 1))
    (faces / "text.png").write_text("no image")
    given = ("noise.png", "faces", "--npz", "z.npz", "--format", "json")
    result = _invert(folder, small, *given, code=1, publishing=True)
    return folder, result, read_results(folder / "invert.h5")


def test_a_file_that_is_no_image_is_reported_and_the_rest_is_done(inverted):
    _, result, results = inverted
    (error,) = (line for line in result.stderr.splitlines() if line.startswith("Error:"))
    assert "text.png is no image of a known format" in error
    for number, name in enumerate(NAMES):
        group = results.groups[f"image={number:04d}"]
        assert group["name"][0].decode() == name
        assert ("is no image" in group["error"][0].decode()) == (name == "text.png")
        assert (f"image={number:04d}/stochastic" in results.groups) == (name != "text.png")
    assert results.complete


def test_a_finished_run_prints_again_and_says_again_what_was_no_image(small, inverted):
    folder, result, _ = inverted
    before = (folder / "invert.h5").stat().st_mtime_ns
    again = _invert(folder, small, "noise.png", "faces", "--format", "json", code=1)
    assert again.stdout == result.stdout
    assert "Error: faces/text.png is no image" in again.stderr
    assert (folder / "invert.h5").stat().st_mtime_ns == before


def test_all_starts_agree_on_a_generated_image(small, inverted):
    rows = {row["image"]: row for row in json.loads(inverted[1].stdout)["tables"]["invert"]}
    for trial, name in enumerate(("a.png", "b.png")):
        row = rows[name]
        assert (row["starts"], row["agreement"]["reached"], row["agreement"]["same"]) == (4, 4, 4)
        assert row["verdict"] == "made"
        assert row["rank"] == row["latent"] == 6
        group = inverted[2].groups[f"image={trial + 1:04d}/stochastic"]
        assert len(np.unique(group["z_start"], axis=0)) == 4
        true = make_z(small[1], trial).repeat(4, 0)
        np.testing.assert_allclose(group["polished/z_found"], true, atol=0.02)
    assert rows["noise.png"]["verdict"] in {"near", "outside"}


def test_the_z_are_written_for_other_programs(inverted):
    folder, _, results = inverted
    with np.load(folder / "z.npz", allow_pickle=False) as file:
        assert file["names"].tolist() == ["noise.png", "a.png", "b.png"]
        assert file["verdict"].tolist()[1:] == ["made", "made"]
        for row, z in enumerate(file["z"]):
            group = results.groups[f"image={row:04d}/stochastic"]
            best = np.argmin(group["polished/image_loss"])
            assert (z == group["polished/z_found"][best]).all()


def test_the_folder_holds_pictures_and_a_page(inverted):
    written = [path.name for path in (inverted[0] / "invert").rglob("*")]
    assert {"invert.txt", "report.html"} <= set(written)
    assert any(name.endswith(".png") for name in written)


def test_progress_counts_what_converged(inverted):
    assert re.search(r"12/12 trials .*, 12 converged", inverted[1].stderr)
    assert "recovered" not in inverted[1].stderr


def test_pixels_that_a_mask_leaves_out_do_not_count(small, tmp_path):
    true, pixels = make_z(small[1], 0), make_image(small[1], 0)
    white = np.full(pixels.shape[:2], 255, np.uint8)
    white[2:9, 4:12] = 0
    painted = np.where(white[..., None] == 0, 255 - pixels, pixels)
    save_image(tmp_path / "painted.png", painted)
    save_image(tmp_path / "mask.png", white)
    far = {}
    for name, more in (("whole", ()), ("masked", ("--mask", "mask.png"))):
        _invert(tmp_path, small, "painted.png", *more, "--out", f"{name}.h5")
        results = read_results(tmp_path / f"{name}.h5")
        group = results.groups["image=0000/stochastic"]
        far[name] = abs(group["polished/z_found"] - true).max()
        if more:
            assert results.constants["pixels_counted"] == (white > 0).sum() * 3
            assert (group["image_loss"] < 0.02).all()
    assert far["masked"] < 0.02 < 0.1 < far["whole"]


def test_an_image_is_read_once_and_can_go_while_the_run_lasts(small, tmp_path):
    save_image(tmp_path / "a.png", make_image(small[1], 0))
    (found,) = image_files.read_image_files(
        [str(tmp_path / "a.png")], small[1].image_shape, Crop(), tmp_path / "invert"
    )
    (tmp_path / "a.png").unlink()
    assert (found.pixels == make_image(small[1], 0)).all()


def test_the_figures_of_a_run_are_not_its_images(small, tmp_path):
    save_image(tmp_path / "a.png", make_image(small[1], 0))
    first = _invert(tmp_path, small, ".", publishing=True)
    assert list((tmp_path / "invert").rglob("*.png"))
    again = _invert(tmp_path, small, ".")
    assert again.stdout == first.stdout
    assert "image=0001" not in read_results(tmp_path / "invert.h5").groups


def test_figures_are_not_written_among_the_images(small, tmp_path):
    (tmp_path / "faces").mkdir()
    save_image(tmp_path / "faces" / "a.png", make_image(small[1], 0))
    error = _invert(tmp_path, small, "faces", "--out", "faces.h5", code=2).stderr
    assert "faces holds the images" in error
    assert not (tmp_path / "faces.h5").exists()


@pytest.mark.parametrize("npz", ["b.png", "invert.h5", "no/z.npz"])
def test_the_z_are_not_written_over_something_else(small, tmp_path, npz):
    for name in ("a.png", "b.png"):
        save_image(tmp_path / name, make_image(small[1], 0))
    before = (tmp_path / "b.png").read_bytes()
    assert npz in _invert(tmp_path, small, "--npz", npz, "a.png", code=2).stderr
    assert (tmp_path / "b.png").read_bytes() == before


def test_an_empty_name_is_not_the_current_folder(small, tmp_path):
    save_image(tmp_path / "a.png", make_image(small[1], 0))
    assert 'the empty name ""' in _invert(tmp_path, small, "", code=2).stderr
    assert not (tmp_path / "invert.h5").exists()


@pytest.mark.parametrize("role", ["an image", "the mask", "another", "the results"])
def test_the_z_replace_no_file_but_those_of_an_earlier_call(small, tmp_path, role):
    image = make_image(small[1], 0)
    save_image(tmp_path / "a.png", image)
    np.savez(tmp_path / "x.npz", **{"an image": {"x": image}}.get(role, {"x": np.ones(2)}))
    before = (tmp_path / "x.npz").read_bytes()
    given = {
        "an image": ("x.npz",),
        "the mask": ("a.png", "--mask", "x.npz"),
        "another": ("a.png",),
        "the results": ("a.png", "--out", "./x.npz"),
    }
    error = _invert(tmp_path, small, *given[role], "--npz", "x.npz", code=2).stderr
    assert "x.npz" in error and "name another file" in error
    assert (tmp_path / "x.npz").read_bytes() == before
