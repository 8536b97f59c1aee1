"""`ganinv sample`: the same seed gives the same picture, and existing files are kept."""

import errno
import os
from pathlib import Path

import builders
import conditional
import numpy as np
import pytest
from called import list_messages, make_image, run_ganinv, save_image
from PIL import Image

from ganinv_cli.conversion.destination import parse_destination
from ganinv_cli.conversion.write import write_generator
from ganinv_cli.errors import UsageError
from ganinv_cli.ground_truth import draw_true_z
from ganinv_cli.images import to_pixels
from ganinv_cli.inspection import render
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.store import read_results

# Keras asks its variables for an array as NumPy 1 did
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

GAP = render.GAP


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with checkpoints of colour and grey pictures, and a conditional one."""
    where = tmp_path_factory.mktemp("sampled")
    builders.make_checkpoint(where / "colour")
    builders.make_checkpoint(where / "grey", channels=1)
    write_generator(
        conditional.make_conditional_checkpoint(),
        parse_destination(where / "conditional.keras", overwrite=False),
    )
    return where


def _pixels(path):
    with Image.open(path) as image:
        return np.array(image)


def test_a_picture_is_named_by_its_seed_and_number(folder):
    run_ganinv(folder, "sample", "colour", "--out", "three/", "--count", 3, "--seed", 4)
    run_ganinv(folder, "sample", "colour", "--out", "seventy", "--count", 70, "--seed", 4)
    for name in ("000000.png", "000001.png", "000002.png"):
        assert (folder / "three" / name).read_bytes() == (folder / "seventy" / name).read_bytes()
    assert len(list((folder / "seventy").iterdir())) == 70
    distinct = {file.read_bytes() for file in (folder / "seventy").iterdir()}
    assert len(distinct) == 70


def test_it_shows_the_trials_of_recover(folder):
    run_ganinv(folder, "sample", "colour", "--out", "one.png", "--count", 1, "--npz", "one.npz")
    generator = make_generator(builders.read(folder / "colour"))
    z = draw_true_z(generator, 0, np.arange(1))
    with np.load(folder / "one.npz") as kept:
        np.testing.assert_array_equal(kept["z"], z)
        assert kept["z"].dtype == np.float32
    expected = to_pixels(generator.render(z, 1))[0]
    assert np.abs(_pixels(folder / "one.png").astype(int) - expected).max() <= 1


def test_a_sheet_holds_its_pictures_in_rows(folder):
    run_ganinv(folder, "sample", "grey", "--out", "sheet.png", "--count", 5, "--columns", 3)
    run_ganinv(folder, "sample", "grey", "--out", "single/", "--count", 5)
    sheet = _pixels(folder / "sheet.png")
    assert sheet.shape == (2 * 16 + GAP, 3 * 16 + 2 * GAP)  # grey has no axis of channels
    last = sheet[16 + GAP :, 16 + GAP : 32 + GAP]
    np.testing.assert_array_equal(last, _pixels(folder / "single" / "000004.png"))
    assert not sheet[16 + GAP :, 32 + 2 * GAP :].any()


def test_labels_take_turns_or_are_the_one_that_is_named(folder):
    sample = ("sample", "conditional.keras", "--count", 4)
    run_ganinv(folder, *sample, "--out", "turns/", "--npz", "turns.npz")
    with np.load(folder / "turns.npz") as kept:
        assert kept["label"].tolist() == [0, 1, 2, 0]
    for label in range(3):
        run_ganinv(folder, *sample, "--out", f"label{label}/", "--label", label)
        name = f"00000{label}.png"
        mine = _pixels(folder / f"label{label}" / name).astype(int)
        assert np.abs(mine - _pixels(folder / "turns" / name)).max() <= 1
    first = [(folder / f"label{label}" / "000000.png").read_bytes() for label in range(3)]
    assert len(set(first)) == 3


@pytest.mark.parametrize("checkpoint", ["colour", "conditional.keras"])
def test_what_npz_kept_makes_the_same_pictures_again(folder, checkpoint):
    arguments = ("--count", 5, "--seed", 3, "--npz", "kept.npz", "--overwrite")
    run_ganinv(folder, "sample", checkpoint, "--out", "first.png", *arguments)
    run_ganinv(folder, "sample", checkpoint, "--out", "again.png", "--z", "kept.npz", "--overwrite")
    assert (folder / "first.png").read_bytes() == (folder / "again.png").read_bytes()


def test_the_z_of_results_are_shown_by_group(folder):
    run = ("--trials", 2, "--clip", "none,standard", "--precision", "float32")
    run_ganinv(folder, "recover", "--checkpoint", "colour", "--out", "r.h5", *run)
    groups = read_results(folder / "r.h5").groups
    generator = make_generator(builders.read(folder / "colour"))
    for group, column in (("standard", "z_found"), ("none", "z_found")):
        out = f"{group}/"
        run_ganinv(folder, "sample", "colour", "--out", out, "--z", "r.h5", "--group", group)
        images = generator.render(groups[group][column].astype(np.float32), 2)
        for number, expected in enumerate(to_pixels(images)):
            found = _pixels(folder / out / f"{number:06d}.png").astype(int)
            assert np.abs(found - expected).max() <= 1
    result = run_ganinv(
        folder, "sample", "colour", "--out", "x.png", "--z", "r.h5", "--group", "no", code=2
    )
    assert "--group is one of" in result.stderr and "standard" in result.stderr


@pytest.fixture(scope="module")
def explained(folder):
    """Results of two images, of a conditional generator; four starts each under two rules."""
    generator = make_generator(builders.read(folder / "conditional.keras"), label=1)
    for trial in range(2):
        save_image(folder / f"{trial}.png", make_image(generator, trial))
    given = ("--checkpoint", "conditional.keras", "--clip", "none,stochastic", "--npz", "best.npz")
    run_ganinv(folder, "invert", "0.png", "1.png", *given, "--trials", 4, "--out", "i.h5")
    return read_results(folder / "i.h5").groups


def test_of_images_that_were_inverted_the_best_z_of_each_is_shown(folder, explained):
    arguments = ("--out", "found.png", "--npz", "found.npz", "--overwrite")
    result = run_ganinv(folder, "sample", "conditional.keras", "--z", "i.h5", *arguments)
    with np.load(folder / "best.npz") as best, np.load(folder / "found.npz") as found:
        np.testing.assert_array_equal(found["z"], best["z"].astype(np.float32))
        np.testing.assert_array_equal(found["label"], best["label"])
    assert "i.h5: the best z of each of 2 images under each rule, of 16" in result.stderr


def test_a_group_of_an_image_is_shown_whole(folder, explained):
    group = "image=0001/stochastic"
    arguments = ("--out", "all.png", "--npz", "all.npz", "--z", "i.h5", "--group", group)
    result = run_ganinv(folder, "sample", "conditional.keras", *arguments)
    with np.load(folder / "all.npz") as found:
        np.testing.assert_array_equal(found["z"], explained[group]["z_found"].astype(np.float32))
        np.testing.assert_array_equal(found["label"], explained[group]["label"])
    assert f"i.h5: 4 z of group {group}" in result.stderr
    some = ("--count", 3, "--overwrite")
    assert "the first 3 of 4 z" in run_ganinv(folder, "sample", "conditional.keras", *arguments,
                                          *some).stderr  # fmt: skip


def test_a_place_that_is_forbidden_is_misuse_and_a_full_disk_is_not(folder, monkeypatch):
    for number, code, advice in (
        (errno.EACCES, 2, "choose another place, or allow writing there"),
        (errno.ENOSPC, 1, "free some space, or choose another place"),
    ):

        def refused(*_, error=number):
            raise OSError(error, os.strerror(error))

        with monkeypatch.context() as patched:
            patched.setattr(Path, "write_bytes", refused)
            for out in ("forbidden.png", "forbidden/"):
                result = run_ganinv(
                    folder, "sample", "colour", "--out", out, "--count", 1, code=code
                )
                assert "forbidden" in result.stderr and advice in result.stderr
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    for out in ("new.png", "new/"):
        result = run_ganinv(folder, "sample", "nothing", "--out", out, code=2)
        assert "choose another place, or allow writing there" in result.stderr


def test_what_exists_is_kept_and_overwrite_leaves_nothing_old(folder):
    run_ganinv(folder, "sample", "colour", "--out", "many/", "--count", 4)
    (folder / "many" / "notes.png").write_bytes(b"mine")
    result = run_ganinv(folder, "sample", "colour", "--out", "many", "--count", 2, code=2)
    assert "--overwrite" in result.stderr
    run_ganinv(folder, "sample", "colour", "--out", "many", "--count", 2, "--overwrite")
    names = sorted(file.name for file in (folder / "many").iterdir())
    assert names == ["000000.png", "000001.png", "notes.png"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--out", "a.jpg"), "must end in .png"),
        (("--out", "missing/a.png"), "does not exist"),
        (("--out", "missing/a/"), "does not exist"),
        (("--out", "a.png", "--npz", "a.h5"), "must end in .npz"),
        (("--out", "a.png", "--z", "good.npy", "--seed", "0"), "--seed has no effect: z is read"),
        (("--out", "a", "--columns", "3"), "--columns has no effect: a folder has"),
        (("--out", "a.png", "--group", "none"), "--group names a group in a results file"),
        (("--out", "a.png", "--z", "five.npy"), "(n, 6)"),
        (("--out", "a.png", "--z", "nan.npy"), "not finite"),
        (("--out", "a.png", "--z", "whole.npy"), "int64"),
        (("--out", "a.png", "--z", "text.npz"), "not a NumPy file"),
        (("--out", "a.png", "--z", "other.npz"), "no array z"),
        (("--out", "a.png", "--z", "good.npy", "--count", "9"), "holds 2 z"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_sentence(folder, arguments, words):
    np.save(folder / "five.npy", np.zeros((2, 5)))
    np.save(folder / "nan.npy", np.array([[0.0] * 6, [np.nan] * 6]))
    np.save(folder / "whole.npy", np.zeros((2, 6), np.int64))
    np.save(folder / "good.npy", np.zeros((2, 6)))
    np.savez(folder / "other.npz", x=np.zeros(2))
    (folder / "text.npz").write_text("this is no archive")
    result = run_ganinv(folder, "sample", "colour", *arguments, code=2)
    (said,) = list_messages(result)
    assert said.startswith("Error: ") and words in said
    assert not (folder / "a.png").exists()


def test_a_sheet_that_is_too_large_is_refused_before_anything_is_made(monkeypatch, tmp_path):
    generator = make_generator(builders.make_checkpoint(tmp_path))
    monkeypatch.setattr(render, "MAX_SHEET_PIXELS", 1000)
    monkeypatch.setattr(render, "render_pixels", None)
    with pytest.raises(UsageError, match="give --count 3 or less"):
        render.draw_sheet(generator, np.zeros((100, 6), np.float32), None, 10)
