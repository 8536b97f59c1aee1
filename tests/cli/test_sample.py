"""`ganinv sample` makes pictures of z that are drawn, or read from a file."""

import builders
import conditional
import numpy as np
import pytest
from called import make_image, run_ganinv, save_image
from keras_networks import save_network
from PIL import Image

from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.images import to_pixels
from ganinv_cli.inspection import render_pictures as render
from ganinv_cli.inversion.objective.ground_truth import draw_true_z
from ganinv_cli.results.store import read_results

GAP = render.GAP


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a checkpoint of grey pictures, and a conditional one of colour pictures."""
    folder = tmp_path_factory.mktemp("sampled")
    builders.make_definition(folder / "grey", channels=1)
    save_network(conditional.make_conditional_definition(), folder / "conditional.keras")
    return folder


def read_pixels(path):
    with Image.open(path) as image:
        return np.array(image).astype(int)


def test_pictures_are_those_of_the_trials_of_recover_in_files_or_on_a_sheet(folder):
    run_ganinv(folder, "sample", "grey", "--out", "three/", "--count", 3, "--npz", "three.npz")
    result = run_ganinv(folder, "sample", "grey", "--out", "seventy", "--count", 70)
    assert result.stdout == "seventy: 70 pictures of 16 x 16 pixels\n"
    generator = make_generator(builders.read(folder / "grey"))
    z = draw_true_z(generator, 0, np.arange(3))
    with np.load(folder / "three.npz") as kept:
        np.testing.assert_array_equal(kept["z"], z)
    for number, expected in enumerate(to_pixels(generator.render(z, 3))):
        name = f"{number:06d}.png"
        assert np.abs(read_pixels(folder / "three" / name) - expected[..., 0]).max() <= 1
        same = (folder / "three" / name).read_bytes() == (folder / "seventy" / name).read_bytes()
        assert same
    assert len(list((folder / "seventy").iterdir())) == 70
    run_ganinv(folder, "sample", "grey", "--out", "sheet.png", "--count", 5, "--columns", 3)
    sheet = read_pixels(folder / "sheet.png")
    assert sheet.shape == (2 * 16 + GAP, 3 * 16 + 2 * GAP)
    last = sheet[16 + GAP :, 16 + GAP : 32 + GAP]
    np.testing.assert_array_equal(last, read_pixels(folder / "seventy" / "000004.png"))


def test_without_out_the_sheet_is_sample_png_and_replaces_none(folder):
    given = ("sample", "grey", "--count", 2)
    result = run_ganinv(folder, *given)
    assert result.stdout == "sample.png: 2 pictures of 16 x 16 pixels\n"
    assert read_pixels(folder / "sample.png").shape == (16 + GAP + 16, 16)
    assert "sample.png exists" in run_ganinv(folder, *given, code=2).stderr
    run_ganinv(folder, *given, "--overwrite")


def test_labels_take_turns_or_are_the_given_one_and_are_kept_with_z(folder):
    sample = ("sample", "conditional.keras", "--count", 4)
    run_ganinv(folder, *sample, "--out", "turns.png", "--npz", "turns.npz")
    with np.load(folder / "turns.npz") as kept:
        assert kept["label"].tolist() == [0, 1, 2, 0]
    run_ganinv(folder, *sample[:2], "--out", "again.png", "--z", "turns.npz")
    assert (folder / "turns.png").read_bytes() == (folder / "again.png").read_bytes()
    for name, label in (("turns/", ()), ("third/", ("--label", 2))):
        run_ganinv(folder, *sample, "--out", name, *label)
    pictures = [read_pixels(folder / name / "000002.png") for name in ("turns", "third")]
    assert np.abs(pictures[0] - pictures[1]).max() <= 1
    first = [(folder / name / "000000.png").read_bytes() for name in ("turns", "third")]
    assert first[0] != first[1]


def test_pictures_between_two_z_lie_on_a_line_or_for_a_normal_prior_on_a_circle(folder):
    generator = make_generator(builders.read(folder / "grey"))
    z = draw_true_z(generator, 0, np.arange(3))
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    np.savez(folder / "ends.npz", z=z)
    np.save(folder / "end.npy", z[2])
    sample = ("sample", "grey", "--out", "way.png", "--between", "ends.npz[1]", "end.npy")
    sample += ("--npz", "way.npz", "--overwrite")
    t = np.linspace(0, 1, 8)[:, None]
    run_ganinv(folder, *sample)
    with np.load(folder / "way.npz") as way:
        np.testing.assert_allclose(way["z"], (1 - t) * z[1] + t * z[2], atol=1e-6)
    assert read_pixels(folder / "way.png").shape == (16, 8 * 16 + 7 * GAP)
    run_ganinv(folder, *sample, "--prior", "normal", "--count", 5)
    with np.load(folder / "way.npz") as way:
        np.testing.assert_allclose(way["z"][[0, -1]], z[1:], atol=1e-6)
        steps = np.arccos(np.sum(way["z"][1:] * way["z"][:-1], axis=1))
    np.testing.assert_allclose(steps, np.arccos(z[1] @ z[2]) / 4, rtol=1e-4)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (("ends.npz[3]", "end.npy"), "ends.npz holds 3 z, from ends.npz[0] on; name one of them"),
        (("ends.npz", "none.npz"), "none.npz cannot be read"),
        (("ends.npz", "large.npy"), "large.npy holds z of float64 (1, 6); the generator takes fin"),
        (("ends.npz", "end.npy", "--z", "end.npy"), "give one of them"),
        (("ends.npz", "end.npy", "--seed", "3"), "--seed is for z that are drawn"),
        (("ends.npz", "end.npy", "--count", "1"), "--between includes both ends"),
        (("ends.npz", "end.npy", "--out", "many/", "--columns", "2"), "--columns is for a sheet"),
    ],
)
def test_ends_that_cannot_be_read_are_named(folder, given, words):
    np.savez(folder / "ends.npz", z=np.zeros((3, 6), np.float32))
    np.save(folder / "end.npy", np.zeros(6, np.float32))
    np.save(folder / "large.npy", np.full(6, 1e300))  # infinite in float32
    result = run_ganinv(folder, "sample", "grey", "--out", "no.png", "--between", *given, code=2)
    assert words in result.stderr


@pytest.mark.slow
def test_z_are_read_from_results(folder):
    generator = make_generator(builders.read(folder / "conditional.keras"), label=1)
    for trial in range(2):
        save_image(folder / f"{trial}.png", make_image(generator, trial))
    given = ("--checkpoint", "conditional.keras", "--npz", "best.npz", "--trials", 4)
    run_ganinv(folder, "invert", "0.png", "1.png", *given, "--out", "i.h5")
    sample = ("sample", "conditional.keras", "--z", "i.h5", "--npz", "f.npz", "--overwrite")
    result = run_ganinv(folder, *sample, "--out", "best.png")
    with np.load(folder / "best.npz") as best, np.load(folder / "f.npz") as found:
        np.testing.assert_array_equal(found["z"], best["z"].astype(np.float32))
        np.testing.assert_array_equal(found["label"], best["label"])
    assert "i.h5: the best z of each of 2 images" in result.stderr
    group = "stochastic/starts"
    result = run_ganinv(folder, *sample, "--out", "all.png", "--group", group, "--count", 3)
    expected = read_results(folder / "i.h5").groups[group]["z_found"][:3]
    with np.load(folder / "f.npz") as found:
        np.testing.assert_array_equal(found["z"], expected.astype(np.float32))
    assert "the first 3 of 8 z" in result.stderr


def test_z_of_another_generator_are_called_so(folder):
    builders.make_definition(folder / "other", channels=1, seed=1)
    run_ganinv(folder, "sample", "grey", "--out", "own.png", "--count", 2, "--npz", "own.npz")
    for given in (("--z", "own.npz"), ("--between", "own.npz", "own.npz[1]")):
        sample = ("--out", "again.png", "--overwrite", *given)
        words = "own.npz has z of another generator (sha256 "
        assert words in run_ganinv(folder, "sample", "other", *sample).stderr
        assert words not in run_ganinv(folder, "sample", "grey", *sample).stderr


def test_a_file_of_python_objects_is_refused_without_numpys_advice(folder):
    np.save(folder / "objects.npy", np.array([None, "a"]), allow_pickle=True)
    (folder / "text.npy").write_text("no array", encoding="utf-8")
    for name in ("objects.npy", "text.npy"):
        result = run_ganinv(folder, "sample", "grey", "--out", "no.png", "--z", name, code=2)
        assert "or Python objects; save numbers with numpy.save" in result.stderr
        assert "allow_pickle" not in result.stderr and "unsafely" not in result.stderr


def test_what_exists_is_kept_and_overwrite_leaves_nothing_old(folder):
    run_ganinv(folder, "sample", "grey", "--out", "many/", "--count", 4)
    (folder / "many" / "2026.png").write_bytes(b"mine")
    result = run_ganinv(folder, "sample", "grey", "--out", "many", "--count", 2, code=2)
    assert "--overwrite" in result.stderr
    run_ganinv(folder, "sample", "grey", "--out", "many", "--count", 2, "--overwrite")
    names = sorted(file.name for file in (folder / "many").iterdir())
    assert names == ["000000.png", "000001.png", "2026.png"]


def test_the_folder_of_a_sheet_is_made_if_there_are_pictures_for_it(folder):
    for given in (("none", "sheet.png"), ("grey", "sheet.txt"), ("grey", "s.png", "--label", 1)):
        run_ganinv(folder, "sample", given[0], "--out", f"new/deep/{given[1]}", *given[2:], code=2)
    assert not (folder / "new").exists()
    run_ganinv(folder, "sample", "grey", "--out", "new/deep/sheet.png", "--count", 4)
    assert (folder / "new" / "deep" / "sheet.png").is_file()
