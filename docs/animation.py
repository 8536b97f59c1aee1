"""Draw docs/animation.gif: images on the way to their targets.

    python docs/animation.py

The default method on the shipped generator, from random starts: 64 x 64 pixels, shown twice as
large. Below each image is its target, the image of a known z.
"""

from pathlib import Path

import click
import matplotlib
import numpy as np
import tensorflow as tf
from PIL import Image, ImageDraw, ImageFont

from ganinv_cli.generators.formats import read
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.images import to_pixels
from ganinv_cli.inversion.objective.ground_truth import draw_true_z
from ganinv_cli.inversion.objective.preconditioner import find_preconditioner
from ganinv_cli.inversion.objective.problem import Problem
from ganinv_cli.inversion.randomness import Purpose, uniform
from ganinv_cli.inversion.solvers import make_solver
from ganinv_cli.inversion.solvers.parts.row_clipping import RowClipping
from ganinv_cli.results.number_format import format_scientific
from ganinv_cli.settings.shipped import find

OUT = Path(__file__).parent / "animation.gif"
SEED, COLUMNS, SCALE, GAP, LINE = 1, 6, 2, 4, 34  # the last two in pixels, as shown
STEPS = (*range(1, 21), *range(22, 31, 2), *range(35, 61, 5))  # gradients at which there is a frame
COLOURS = 240
FRAME_MS, FIRST_MS, LAST_MS = 150, 1200, 3500


def main() -> None:
    """Draw the animation."""
    generator = make_generator(read(find("checkpoint", "portraits64")))
    z_true = draw_true_z(generator, SEED, np.arange(COLUMNS))
    images = generator.render(z_true, COLUMNS)
    path = descend(generator, images)
    frames = [
        draw_frame(
            generator.render(path[step], COLUMNS),
            images,
            f"after {step} gradients: mean squared error of z = "
            f"{format_scientific(_error(path[step], z_true))}",
        )
        for step in (0, *STEPS)
    ]
    durations = [FIRST_MS, *(FRAME_MS for _ in STEPS[1:]), LAST_MS]
    palette = _stack(frames[:: len(frames) // 4]).quantize(COLOURS, dither=Image.Dither.NONE)
    first, *others = (each.quantize(palette=palette, dither=Image.Dither.NONE) for each in frames)
    first.save(OUT, save_all=True, append_images=others, duration=durations, loop=0, optimize=True)
    click.echo(f"{OUT}: {len(frames)} frames, {OUT.stat().st_size / 1e6:.2f} MB")


def descend(generator: Generator, images: np.ndarray) -> np.ndarray:
    """Return z (steps, images, latent) after each gradient, from random starts."""
    solver = make_solver("lbfgs", {})
    rows = tf.range(len(images), dtype=tf.int64)
    zeros, nowhere = tf.zeros(len(images)), tf.zeros(len(images), tf.bool)
    problem = Problem(
        generator,
        tf.constant(images),
        residual=zeros,
        preconditioner=find_preconditioner(generator, solver.preconditioner_points),
    )
    clipping = RowClipping(
        generator.prior,
        SEED,
        rows,
        tf.zeros_like(rows),
        clamping=nowhere,
        replacing=~nowhere,
        replacement=tf.zeros_like(rows),  # draws
    )
    share = uniform(SEED, rows, Purpose.start, tf.zeros_like(rows), generator.latent)
    state = solver.start(generator.prior.quantile(share))
    path = [state.z.numpy()]
    step = tf.function(solver.step, reduce_retracing=True)
    for _ in range(max(STEPS)):
        state = step(problem, state, clipping)
        path.append(state.z.numpy())
    return np.array(path)


def draw_frame(images: np.ndarray, targets: np.ndarray, text: str) -> Image.Image:
    """Return images (COLUMNS, height, width, 3) above their targets, below a line of text."""
    height, width = (SCALE * side for side in images.shape[1:3])
    frame = Image.new("RGB", (COLUMNS * (width + GAP) - GAP, 2 * (height + LINE) + GAP), "white")
    draw = ImageDraw.Draw(frame)
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    font = ImageFont.truetype(str(fonts / "DejaVuSans.ttf"), 22)
    for row, (words, pictures) in enumerate(((text, images), ("targets", targets))):
        top = row * (LINE + height + GAP)
        draw.text((2, top + 3), words, "black", font)
        for column, picture in enumerate(to_pixels(pictures)):
            part = Image.fromarray(picture).resize((width, height), Image.Resampling.BICUBIC)
            frame.paste(part, (column * (width + GAP), top + LINE))
    return frame


def _stack(frames: list[Image.Image]) -> Image.Image:
    return Image.fromarray(np.concatenate([np.asarray(each) for each in frames]))


def _error(z: np.ndarray, z_true: np.ndarray) -> float:
    return float(np.mean((z - z_true) ** 2))


if __name__ == "__main__":
    main()
