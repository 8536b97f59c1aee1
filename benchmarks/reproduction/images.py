"""Make the images for the experiments on images, except the committed portraits.

    python -m benchmarks.reproduction.images build

Writes into table2/: images of the first z of seed 1 with 8 bits, with and without noise; a
photograph of a cat (scikit-image, CC0); and a portrait that is in no training set (Matplotlib,
public domain). Writes into pictures/: the five pictures of docs/invert.md.
"""

from pathlib import Path

import click
import numpy as np
from PIL import Image

from benchmarks.downloads import download_member
from ganinv_cli.generators import formats
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.images import to_pixels
from ganinv_cli.inversion.objective.ground_truth import draw_noise, draw_true_z
from ganinv_cli.noise import NOISES, Level
from ganinv_cli.settings.shipped import find

SEED, TRIAL = 1, np.array([0])
NOISE = Level(NOISES["gaussian"], 0.01)
GENERATORS = {"faces32": 32, "portraits64": 64}
CAT = "scikit-image==0.26.0", "skimage/data/chelsea.png"
PORTRAIT = "matplotlib==3.11.2", "matplotlib/mpl-data/sample_data/grace_hopper.jpg"
HOPPER = 0, 44, 512, 556  # the largest square in the middle of the portrait, 512 × 600 pixels


@click.command()
@click.argument("out", type=click.Path(path_type=Path))
def main(out: Path) -> None:
    """Write the images into two folders in OUT; existing ones are overwritten."""
    table2, pictures = out / "table2", out / "pictures"
    table2.mkdir(parents=True, exist_ok=True)
    pictures.mkdir(exist_ok=True)
    for name, size in GENERATORS.items():
        generator = make_generator(formats.read(find("checkpoint", name)))
        image = generator.render(draw_true_z(generator, SEED, TRIAL), 1)
        noisy = NOISE.apply(image, draw_noise(generator, SEED, TRIAL), clip=True)
        Image.fromarray(to_pixels(image)[0]).save(table2 / f"generated-{size}.png")
        Image.fromarray(to_pixels(noisy)[0]).save(table2 / f"noisy-{size}.png")
    (table2 / "chelsea.png").write_bytes(download_member(*CAT, out))
    (table2 / "grace_hopper.jpg").write_bytes(download_member(*PORTRAIT, out))
    with Image.open(table2 / "generated-64.png") as generated:
        generated.save(pictures / "generated.png")
        generated.save(pictures / "generated-75.jpg", quality=75)
    Image.new("RGB", (64, 64)).save(pictures / "black.png")
    with Image.open(table2 / "grace_hopper.jpg") as portrait:
        hopper = portrait.crop(HOPPER).resize((64, 64), Image.Resampling.LANCZOS)
        hopper.save(pictures / "hopper.png")
    noise = np.random.default_rng(SEED).integers(256, size=(64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(pictures / "uniform-noise.png")


if __name__ == "__main__":
    main()
