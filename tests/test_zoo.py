"""A real generator that nobody here trained: gan-face-generate from PyPI (MIT), in PyTorch."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from called import ganinv
from PIL import Image

from ganinv_cli.store import read

pytestmark = pytest.mark.slow
PACKAGE = "gan-face-generate==1.1.1"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its file of weights; the tests are skipped, with the reason, where PyPI cannot be reached."""
    folder = tmp_path_factory.mktemp("zoo")
    pip = [sys.executable, "-m", "pip", "download", "--no-deps", "--quiet", PACKAGE]
    run = subprocess.run(pip, cwd=folder, capture_output=True, text=True, timeout=300)
    if run.returncode:
        reason = (run.stderr.strip() or "pip gave no reason").splitlines()[-1]
        pytest.skip(f"{PACKAGE} cannot be downloaded: {reason}")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return Path(archive.extract("gan_face_generate/weights.tar", folder))


def test_it_loads_and_its_sheet_shows_faces(tmp_path: Path, weights: Path) -> None:
    ganinv(tmp_path, "sample", weights, "--out", "sheet.png", "--count", "64")
    with Image.open(tmp_path / "sheet.png") as sheet:
        pixels = np.asarray(sheet, np.float64)
    assert pixels.shape[2] == 3 and min(pixels.shape[:2]) >= 8 * 64
    faces = pixels[: 8 * 64, : 8 * 64].reshape(8, 64, 8, 64, 3).mean((0, 2))
    middle, rim = faces[20:44, 20:44], np.concatenate([faces[:, :6], faces[:, -6:]], 1)
    # skin: more red than green than blue, and lighter than what is around it
    assert (np.diff(middle.mean((0, 1))) < -5).all()
    assert middle.mean() > rim.mean() + 10
    aside = np.abs(faces - faces[:, ::-1]).mean()  # the mean face is nearly its mirror image
    assert aside < 0.5 * np.abs(faces - faces[::-1]).mean()


@pytest.mark.parametrize("prior", [None, "uniform"])
def test_every_z_is_recovered(tmp_path: Path, weights: Path, prior: str | None) -> None:
    given = ("--prior", prior) if prior else ()
    ganinv(
        tmp_path,
        *("recover", "--checkpoint", weights, "--trials", "32", "--clip", "stochastic", *given),
    )
    results = read(tmp_path / "recover.h5")
    expected = "uniform:-1,1" if prior else "normal:1,0.99"
    assert results.attributes["config"]["prior"] == expected
    assert (results.groups["stochastic"]["z_error"] < 1e-4).all()
    largest = np.abs(results.groups[""]["z_true"]).max()
    assert largest < 1 if prior else 2 < largest < 2.576
