"""`ganinv train-encoder`."""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

import click

from ganinv_cli.cli import generator_options
from ganinv_cli.cli.generator_options import GeneratorChoice
from ganinv_cli.errors import UsageError
from ganinv_cli.settings.config import RecoverConfig

if TYPE_CHECKING:
    from ganinv_cli.encoder.fit import FitProgress


@click.command()
@generator_options.generator_options(
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
    chosen: GeneratorChoice,
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
    checkpoint = generator_options.read_checkpoint(path, chosen.conventions, verbose, quiet)
    from ganinv_cli.encoder.fit import fit_encoder as run
    from ganinv_cli.encoder.least_squares import EncoderSettings, count_needed_images
    from ganinv_cli.encoder.model import encoder_path

    generator = generator_options.make_generator_spec(checkpoint, label=chosen.label).build()
    if generator.labels:
        raise UsageError(f"{path}: an encoder is fitted to one label; name it with --label")
    settings = EncoderSettings(
        images=images or count_needed_images(generator),
        batch_size=batch_size,
        precision=precision,  # type: ignore[arg-type]
        ridge=ridge,
        seed=seed,
    )
    file = out or encoder_path(path)
    with (
        _show_progress(file, quiet) as show,
        closing(run(generator, settings, file, overwrite)) as fit,
    ):
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
def _show_progress(out: Path, quiet: bool) -> Iterator[Callable[["FitProgress"], None]]:
    """Images done and a second; stops between batches, and says how to go on."""
    from rich.console import Console

    from ganinv_cli.cli import progress

    console = Console(stderr=True, quiet=quiet, soft_wrap=True, highlight=False, markup=False)
    stopping = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True
        signal.signal(number, old_handlers[signal.Signals(number)])  # a second one does not wait
        console.print("stopping; saving what was summed takes some seconds")

    signals = [s for s in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(s) != signal.SIG_IGN]
    old_handlers = {number: signal.getsignal(number) for number in signals}
    for number in signals:
        signal.signal(number, stop)
    try:
        with progress.show_progress_line("images", console) as show:

            def update(fit_progress: "FitProgress") -> None:
                if fit_progress.encoder is None:
                    solving = "solving" if fit_progress.images == fit_progress.total else ""
                    show(
                        fit_progress.images,
                        fit_progress.total,
                        solving or f"{fit_progress.images_per_second:.0f} images/s",
                    )
                    if stopping:
                        raise KeyboardInterrupt

            yield update
    except KeyboardInterrupt:
        console.print(
            f"interrupted; what was summed is kept for {out}, and the same command goes on"
        )
        raise
    finally:
        for number, handler in old_handlers.items():
            signal.signal(number, handler)
