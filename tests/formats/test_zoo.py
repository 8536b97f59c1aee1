"""Generators of other projects, in PyTorch, from PyPI.

Faces: gan-face-generate 1.1.1 (MIT). Eyes of eight colours: omniart-eye-generator 0.1 (MIT).
"""

import itertools
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from called import run_ganinv
from PIL import Image

import ganinv_cli as ganinv
from ganinv_cli.inspection.render import GAP
from ganinv_cli.store import read_results

pytestmark = pytest.mark.nightly
COLOURS = ("amber", "blue", "brown", "gray", "grayscale", "green", "hazel", "red")  # of the eyes


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Those of the faces."""
    package = "gan-face-generate==1.1.1"
    return _downloaded(tmp_path_factory.mktemp("faces"), package, "gan_face_generate/weights.tar")


@pytest.fixture(scope="module")
def eyes(tmp_path_factory):
    """Their weights, of 100 components of z and a label."""
    member = "omniart_eye_generator/generator_model_state.pth"
    return _downloaded(tmp_path_factory.mktemp("eyes"), "omniart-eye-generator==0.1", member)


def _downloaded(folder: Path, package: str, member: str) -> Path:
    """A file in a package; the tests are skipped, with the reason, if PyPI cannot be reached."""
    options = ["--no-deps", "--ignore-requires-python", "--quiet"]
    pip = [sys.executable, "-m", "pip", "download", *options, package]
    run = subprocess.run(pip, cwd=folder, capture_output=True, text=True, timeout=300)
    if run.returncode:
        reason = (run.stderr.strip() or "pip gave no reason").splitlines()[-1]
        pytest.skip(f"{package} cannot be downloaded: {reason}")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(member, folder))


def test_it_loads_and_its_sheet_shows_faces(tmp_path, weights):
    run_ganinv(tmp_path, "sample", weights, "--out", "sheet.png", "--count", "64")
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.asarray(sheet, np.float64)
    side = 64 + GAP
    apart = np.pad(pixels, ((0, GAP), (0, GAP), (0, 0))).reshape(8, side, 8, side, 3)
    faces = apart[:, :64, :, :64].mean((0, 2))
    middle, rim = faces[20:44, 20:44], np.concatenate([faces[:, :6], faces[:, -6:]], 1)
    # skin: more red than green than blue, and redder than what is around it
    assert (np.diff(middle.mean((0, 1))) < -5).all()
    assert np.ptp(middle.mean((0, 1))) > 10 + np.ptp(rim.mean((0, 1)))
    aside = np.abs(faces - faces[:, ::-1]).mean()  # the mean face is nearly its mirror image
    assert aside < 0.5 * np.abs(faces - faces[::-1]).mean()


def test_every_z_is_recovered(tmp_path, weights):
    run_ganinv(
        tmp_path, "recover", "--checkpoint", weights, "--trials", "4", "--clip", "stochastic"
    )
    results = read_results(tmp_path / "recover.h5")
    assert results.attributes["config"]["prior"] == "normal:1,0.9999"
    assert (results.groups["stochastic"]["z_error"] < 1e-4).all()
    assert 2.576 < np.abs(results.groups[""]["z_true"]).max() < 3.891


def test_the_labels_behind_z_are_the_colours_of_eyes(eyes):
    generator = ganinv.load(eyes, labels=8)
    z = generator.draw_z(16)
    eye = {c: generator(z, labels=np.full(16, label)) for label, c in enumerate(COLOURS)}
    for colour, other in itertools.combinations(COLOURS, 2):
        assert np.abs(eye[colour] - eye[other]).mean() > 5 / 127.5
    colourful = {colour: np.ptp(pictures, -1).mean() for colour, pictures in eye.items()}
    assert min(colourful, key=colourful.__getitem__) == "grayscale"
    red = {c: (each[..., 0] - each[..., 1:].mean(-1)).mean() for c, each in eye.items()}
    assert max(red, key=red.__getitem__) == "red"
