"""Run commands in the process of the tests, each in its own folder."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path
from unittest import mock

import numpy as np
from click.testing import CliRunner, Result
from PIL import Image

from ganinv_cli.cli import main
from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.images import to_pixels
from ganinv_cli.inversion.objective.ground_truth import draw_true_z

_OFTEN = """
import sys
from ganinv_cli.cli import main
from ganinv_cli.experiments import committer
from ganinv_cli.inversion.loop import saved_batch
committer.COMMIT_SECONDS = 0  # every look
saved_batch.SAVE_SECONDS = 0.3
main()
"""


def run_ganinv(folder: Path, *arguments: object, code: int = 0, publishing: bool = False) -> Result:
    """Run a command and check its exit status; tables and figures are made on demand."""
    written = dict.fromkeys(("write_report", "write_page"), mock.DEFAULT)
    unwritten = mock.patch.multiple("ganinv_cli.results.report.folder", **written)
    with contextlib.chdir(folder), contextlib.nullcontext() if publishing else unwritten:
        result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == code, result.output + repr(result.exception)
    return result


def run_and_stop(
    folder: Path, signal: int, *arguments: object, watched: str = "*.h5.log"
) -> tuple[int, str, str]:
    """Start a command, stop it after two commits, and return its status, stdout and stderr.

    It is stopped when a file of the name `watched` has been written three times.
    """
    command = [sys.executable, "-c", _OFTEN, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    process = subprocess.Popen(command, cwd=folder, **pipes)
    times: set[int] = set()
    while process.poll() is None and len(times) < 3:
        times |= {path.stat().st_mtime_ns for path in folder.glob(watched)}
        time.sleep(0.01)
    process.send_signal(signal)
    out, said = process.communicate(timeout=60)
    return process.returncode, out, said


def make_image(generator: Generator, trial: int) -> np.ndarray:
    """An image of the generator's own, (height, width, channels) uint8."""
    return to_pixels(generator.render(make_z(generator, trial), 1))[0]


def make_z(generator: Generator, trial: int) -> np.ndarray:
    """The z of `made`, (1, latent)."""
    return draw_true_z(generator, 5, np.array([trial]))


def make_random_pixels(generator: Generator) -> np.ndarray:
    """An image that no generator makes, (height, width, channels) uint8."""
    return np.random.default_rng(0).integers(0, 256, generator.image_shape, np.uint8)


def save_image(path: Path, pixels: np.ndarray) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def take_image(results, group, number):
    """Return the rows of an image in a group of results, such as "stochastic/starts"."""
    rows = results.groups[group]
    return {name: rows[name][rows["image"] == number] for name in rows}
