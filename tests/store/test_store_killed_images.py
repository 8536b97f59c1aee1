"""A kill while images are added leaves each image its own rows."""

import contextlib
import hashlib

import numpy as np
import pytest
from stored import CONSTANTS, PIXELS, KilledError, kill_after, make_provenance, make_row, make_rows

from ganinv_cli.experiments import image_rows
from ganinv_cli.images import TargetImage
from ganinv_cli.settings.names import image_group
from ganinv_cli.store import open_run, read_results

NAMES = ("a", "b", "c", "d")


def _draw(name):
    sha256 = hashlib.sha256(name.encode()).hexdigest()
    return TargetImage(name, sha256, np.full(PIXELS, ord(name), np.uint8))


def _add_images(path, names, trials=2):
    """Add images as `run_images` does; the z of each are those of its name."""
    pictures = [_draw(name) for name in names]
    with open_run(path, make_provenance(command="invert")) as run:
        stored = image_rows.number_images(run, pictures, "")
        by_number = {image.number: each for image, each in zip(stored, pictures, strict=True)}
        image_rows.commit_new_images(run, by_number, None, None)
        for number, picture in by_number.items():
            rows = make_rows(range(trials), ("none",))["none"]
            rows["z_found"] += ord(picture.name)
            run.commit({image_group(number, "none"): rows}, CONSTANTS)
        run.finish()


def _check_images(path, trials=2):
    """Check that the trials of each image are its own; return the images that have all."""
    groups = read_results(path).groups
    whole = set()
    for group in filter(lambda name: "/" not in name, groups):
        name = groups[group]["name"][0].decode()
        assert (groups[group]["target"] == ord(name)).all()
        rows = groups.get(f"{group}/none", {"trial": []})
        for place, trial in enumerate(rows["trial"]):
            expected = make_row("none", trial)["z_found"] + np.float32(ord(name))
            np.testing.assert_array_equal(rows["z_found"][place], expected)
        whole |= {name} if len(rows["trial"]) == trials else set()
    return whole


@pytest.mark.slow
def test_a_kill_between_any_two_steps_leaves_each_image_its_trials(tmp_path, monkeypatch):
    losses = np.zeros(len(image_rows.QUALITIES))
    monkeypatch.setattr(image_rows, "find_copy_losses", lambda *_: losses)
    for calls in range(200):
        path = tmp_path / f"{calls}.h5"
        _add_images(path, "a")
        with monkeypatch.context() as patch:
            left = kill_after(patch, calls)
            with contextlib.suppress(KilledError):
                _add_images(path, "bc")
        assert _check_images(path) >= {"a"}
        _add_images(path, "dc")
        assert _check_images(path) >= {"a", "c", "d"}
        _add_images(path, "abcd")
        assert _check_images(path) == set(NAMES)
        assert read_results(path).complete
        if left[0] >= 0:
            assert calls > 20  # the loop went through every step
            return
    pytest.fail("the run never ended")
