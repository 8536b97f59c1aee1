"""`ganinv train-encoder`."""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from ganinv_cli.cli import generators
from ganinv_cli.cli.generators import Chosen
from ganinv_cli.errors import UsageError
from ganinv_cli.settings.config import RecoverConfig

if TYPE_CHECKING:
    from ganinv_cli.encoder.fit import Progress


@click.command()
@generators.chosen(
    click.option(
        "--checkpoint",
        default=RecoverConfig.checkpoint,
        show_default=True,
        help="The generator: a file, a folder, or a prefix of files.",
    )
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    show_default="encoder.npz beside the checkpoint",
    help="File for the encoder.",
)
@click.option(
    "--images",
    type=click.IntRange(1),
    show_default="10 for each value of an image",
    help="How many to make and fit to; fewer than 2 for each value of an image fit badly.",
)
@click.option(
    "--batch-size",
    default=512,
    show_default=True,
    type=click.IntRange(1),
    help="Images made at a time.",
)
@click.option(
    "--precision",
    default="float32",
    show_default=True,
    type=click.Choice(["float32", "bfloat16"]),
    help="What images are made in; bfloat16 is twice as fast on CPUs with AMX.",
)
@click.option(
    "--ridge",
    default=1e-4,
    show_default=True,
    type=click.FloatRange(0, min_open=True),
    help="Share of the mean square that is added: less for exact images, more for noisy ones.",
)
@click.option(
    "--seed",
    default=0,
    show_default=True,
    type=click.IntRange(0, 2**31 - 1),
    help="Of every latent vector.",
)
@click.option("--overwrite", is_flag=True, help="Start again where --out exists.")
@click.option("-v", "--verbose", is_flag=True, help="Say what was loaded.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def train_encoder(
    chosen: Chosen,
    out: Path | None,
    images: int | None,
    batch_size: int,
    precision: str,
    ridge: float,
    seed: int,
    overwrite: bool,
    verbose: bool,
    quiet: bool,
) -> None:
    """Fit an encoder, which guesses z from an image, to a generator.

    Makes images of latent vectors from the prior and solves the linear least squares that leads
    back from them: minutes, once for each generator. The same command goes on where it stopped.

    \b
    Example:
        ganinv train-encoder --checkpoint faces64
    """
    path = chosen.path
    found = generators.read(path, chosen.told, verbose, quiet)
    from ganinv_cli.encoder.fit import train as run
    from ganinv_cli.encoder.least_squares import EncoderSettings, enough
    from ganinv_cli.encoder.model import beside

    generator = generators.recipe(found, label=chosen.label).made()
    if generator.labels:
        raise UsageError(f"{path}: an encoder is fitted to one label; name it with --label")
    settings = EncoderSettings(
        images=images or enough(generator),
        batch_size=batch_size,
        precision=precision,  # type: ignore[arg-type]
        ridge=ridge,
        seed=seed,
    )
    file = out or beside(path)
    with _shown(file, quiet) as show, closing(run(generator, settings, file, overwrite)) as fit:
        for last in fit:
            show(last)
    assert last.encoder
    quality = last.encoder.about["quality"]
    click.echo(
        f"{file}: squared error of a component of z {quality['error']:.4f} on fresh images, "
        f"{quality['clipped']:.4f} clipped to the prior's bounds; guessing gives "
        f"{quality['guessing']:.4f}"
    )


@contextmanager
def _shown(out: Path, quiet: bool) -> Iterator[Callable[["Progress"], None]]:
    """Images done and a second; stops between batches, and says how to go on."""
    from rich.console import Console

    from ganinv_cli.cli import progress

    console = Console(stderr=True, quiet=quiet, soft_wrap=True, highlight=False, markup=False)
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        signal.signal(number, before[signal.Signals(number)])  # a second one does not wait
        console.print("stopping; saving what was summed takes some seconds")

    heard = [s for s in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(s) != signal.SIG_IGN]
    before = {number: signal.getsignal(number) for number in heard}
    for number in heard:
        signal.signal(number, stop)
    try:
        with progress.line("images", console) as show:

            def update(at: "Progress") -> None:
                if at.encoder is None:
                    solving = "solving" if at.images == at.total else ""
                    show(at.images, at.total, solving or f"{at.images_per_second:.0f} images/s")
                    if stopping:
                        raise KeyboardInterrupt

            yield update
    except KeyboardInterrupt:
        console.print(
            f"interrupted; what was summed is kept for {out}, and the same command goes on"
        )
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
