"""What does `invert` cost, over a trial of `recover`, and how near is its z?

It uses functions that older versions have: run it from a worktree of a revision to compare.

    python -m benchmarks.inversion --out docs/invert/speed.json  # 2 minutes
"""

import io
import platform
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image

import ganinv_cli as ganinv
from benchmarks.records import publish
from benchmarks.tiny import ROOT
from ganinv_cli.images import to_pixels

SEED = 7  # of z
QUALITY = 85  # of the JPEGs
MEASURED = "ganinv_cli"  # the page names its revision


@click.command()
@click.option("--generator", "names", multiple=True, default=("portraits64", "faces32"))
@click.option("--pictures", default=12, show_default=True, help="Pictures of each kind.")
@click.option("--out", type=click.Path(path_type=Path), help="JSON file for the rows.")
def main(names: tuple[str, ...], pictures: int, out: Path | None) -> None:
    """Invert own pictures of some generators, stored in several ways."""
    rows = []
    for name in names:
        generator = ganinv.load(name)
        z = generator.draw_z(pictures, seed=SEED)
        start = time.process_time()
        ganinv.recover(generator, trials=pictures, clip="none", seed=SEED)
        trial = (time.process_time() - start) / pictures
        for kind, images in store(generator(z)):
            start = time.process_time()
            found = ganinv.invert(generator, images)
            cost = (time.process_time() - start) / pictures
            errors = np.sqrt(np.mean((found.z - z) ** 2, axis=1))
            verdicts = [f"{count} {word}" for word, count in Counter(found.verdict).items()]
            row: dict[str, Any] = {"generator": name, "stored as": kind}
            row |= {"CPU s per picture": round(cost, 2), "over a trial": round(cost / trial, 2)}
            row |= {
                "error of z, median": f"{np.median(errors):.1e}",
                "worst": f"{errors.max():.1e}",
            }
            rows.append(row | {"verdicts": ", ".join(verdicts)})
            click.echo(rows[-1], err=True)
    command = ["git", "rev-parse", "--short=12", f"HEAD:{MEASURED}"]
    revision = subprocess.check_output(command, cwd=ROOT, encoding="utf-8").strip()
    about = f"`python -m benchmarks.inversion`, {MEASURED} {revision}, {platform.machine()}"
    publish(
        {
            "title": "Own pictures, stored in several ways",
            "rows": rows,
            "about": about,
            "notes": NOTES,
        },
        out,
    )


NOTES = (
    "* One process, default settings; the trial is one of `recover` without "
    "clipping, whose time has the compilation and the preconditioner. The error is the root mean "
    "square over the components of z.",
)


def store(images: np.ndarray) -> Iterator[tuple[str, Any]]:
    """Yield images (n, height, width, channels) in [-1, 1] as they are stored in several ways."""
    yield "float32", images
    pixels = to_pixels(images)
    yield "8 bits", pixels
    yield f"JPEG {QUALITY}", [_compress(each) for each in pixels]


def _compress(pixels: np.ndarray) -> Image.Image:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=QUALITY)
    return Image.open(file)


if __name__ == "__main__":
    main()
