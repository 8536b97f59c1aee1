"""`ganinv inspect`."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ganinv_cli.cli import options
from ganinv_cli.cli.options import Command
from ganinv_cli.errors import GaninvError
from ganinv_cli.progress.reporters import show_on_terminal
from ganinv_cli.settings.declare import METHOD, OUTPUT
from ganinv_cli.settings.shipped import find

if TYPE_CHECKING:
    from ganinv_cli.network.generator import Generator


@click.command(
    cls=Command,
    first=("sheet", "spectrum", "check", "style", "prior", "range", "label", "verbose"),
)
@options.generator_options(options.generator_argument())
@options.option(
    "--sheet",
    type=click.Path(path_type=Path),
    metavar="FILE.png",
    group=OUTPUT,
    help="Write 64 pictures of random z; if the generator has labels, a row for each of 8 labels.",
)
@options.option(
    "--spectrum",
    type=click.Path(path_type=Path),
    metavar="FILE",
    group=OUTPUT,
    help="Measure the singular values of dG/dz at random z, which show how hard inversion is. Plot "
    "them as PNG, PDF or SVG, and print what linear theory predicts for gradient descent.",
)
@options.count("--points", most=10_000, default=8, group=METHOD, help="Number of z for --spectrum.")
@options.option(
    "--check",
    is_flag=True,
    help="Check that each picture depends only on its own z, and on every component of it, that "
    "the derivatives are right, that the batch norms' statistics fit the prior, and, for Keras "
    "files, that Keras makes the same pictures.",
)
@options.seed(help="Seed for z. They are the same z as in the trials of ganinv recover.")
@options.style(type=options.TEXT_OR_JSON, help="Format: text, or everything as one JSON object.")
@options.option("--json", "as_json", is_flag=True, group=OUTPUT, help="The same as --format json.")
@options.overwrite(help="Replace existing files.")
@options.verbose(help="List all names in the file that were ignored.")
def inspect(
    sheet: Path | None,
    spectrum: Path | None,
    points: int,
    check: bool,
    seed: int,
    style: str,
    as_json: bool,
    overwrite: bool,
    verbose: bool,
    **given: Any,
) -> None:
    """Describe a generator: its prior, pictures and layers.

    \b
    Prints
    - the format of the file, and which files beside it were read;
    - the latent vector and its prior, the pictures and their range;
    - what was assumed, and what was ignored;
    - every layer, or the number of TensorFlow operations of each kind;
    - for batch norms: the statistics stored in training beside those of now;
    - for a file of weights alone, its conventions: the source of each (the file,
      an option, inferred from these statistics, or assumed), how well it fits,
      and the next best value.

    The exit status is 1 if a check failed.

    Other generators can be exported to ONNX. In PyTorch, for 100 latent values:

    \b
        torch.onnx.export(
            G.eval(), torch.randn(1, 100), "generator.onnx",
            input_names=["z"], dynamic_axes={"z": {0: "n"}})

    \b
    Examples:
        ganinv inspect portraits64
        ganinv inspect netG.pth --sheet sheet.png --spectrum spectrum.png --check
    """
    from ganinv_cli import files
    from ganinv_cli.engine.loaded_generator import (
        check_norms,
        make_generator_spec,
        read_checkpoint,
    )
    from ganinv_cli.engine.tensorflow_start import start_tensorflow
    from ganinv_cli.inspection.facts import describe_checkpoint
    from ganinv_cli.report.inspect.tables import format_facts

    options.refuse_ignored(
        points="" if spectrum else "it is the number of z for --spectrum",
        seed=""
        if sheet or spectrum or check
        else "no z is drawn without --sheet, --spectrum or --check",
    )
    for file, endings, name in (
        (sheet, (".png",), "--sheet"),
        (spectrum, (".png", ".pdf", ".svg"), "--spectrum"),
    ):
        if file:
            files.check_output_file(file, endings, overwrite, name)
    path = find("checkpoint", given["checkpoint"])
    conventions, label = options.make_conventions(given), given["label"]
    with show_on_terminal(quiet=False) as reporter:
        reporter.enter(f"reading {path.name}")
        checkpoint = check_norms(read_checkpoint(path, conventions), verbose=verbose)
        description = describe_checkpoint(checkpoint)
        if sheet or spectrum or check or label >= 0:
            reporter.enter("loading TensorFlow")
            start_tensorflow(verbose)
            generator = make_generator_spec(checkpoint, label=label).build()
        if sheet:
            from ganinv_cli.inspection.render import draw_overview

            reporter.enter("drawing pictures")
            files.write_output_file(sheet, files.encode_png(draw_overview(generator, seed)))
        if spectrum:
            reporter.enter("measuring the spectrum")
            description["spectrum"] = _measure_spectrum(generator, spectrum, seed, points)
        if check:
            from ganinv_cli.inspection.checks import check_generator, to_json

            reporter.enter(f"checking {path.name}")
            description["checks"] = to_json(
                check_generator(generator, checkpoint, path, conventions, label, seed)
            )
    is_json = as_json or style == "json"
    click.echo(
        json.dumps(description, indent=2) + "\n" if is_json else format_facts(description, verbose),
        nl=False,
    )
    failed_claims = [
        each["claim"] + (f" ({each['why']})" if each["why"] else "")
        for each in description.get("checks", ())
        if each["passed"] is False
    ]
    if failed_claims:
        raise GaninvError(
            f"{checkpoint.path}: the check failed that {'; and that '.join(failed_claims)}"
        )


def _measure_spectrum(generator: "Generator", path: Path, seed: int, points: int) -> dict[str, Any]:
    from ganinv_cli import files
    from ganinv_cli.inspection.descent import summarize_descent
    from ganinv_cli.inspection.spectrum import measure_spectrum, summarize_spectrum
    from ganinv_cli.jacobian import find_spectrum
    from ganinv_cli.report.inspect.figures import encode_spectrum

    spectrum = measure_spectrum(generator, seed, points)
    files.write_output_file(
        path,
        encode_spectrum(spectrum.values, f"Singular values of dG/dz at {points} random z", path),
    )
    return summarize_spectrum(spectrum) | {"descent": summarize_descent(find_spectrum(generator))}
