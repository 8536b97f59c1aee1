"""The command line: each command is imported when it is called."""

import gc
import importlib
import io
import logging
import os
import shlex
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from ganinv_cli.cli.command import explain_usage_errors
from ganinv_cli.errors import GaninvError, explain_memory_errors, make_error, to_printable
from ganinv_cli.experiments import find_experiment, list_experiments
from ganinv_cli.progress.interrupts import handle_signals

# Objects between two garbage collections: imports and traces make millions, and nearly all stay.
GARBAGE_THRESHOLD = 100_000
EXPERIMENTS = "Experiments"  # whose commands are made of their declarations
COMMANDS = {  # name of the command and its function -> heading in the help, module
    **{each.command: (EXPERIMENTS, "experiments") for each in list_experiments()},
    "inspect": ("Generators", "generators"),
    "sample": ("Generators", "generators"),
    "train": ("Generators", "train"),
    "train-encoder": ("Generators", "train"),
    "report": ("Results", "report"),
    "merge": ("Results", "report"),
}


class _Commands(click.Group):
    """The commands, each imported when it is called, so that help is instant.

    A GaninvError becomes one line on stderr and its own exit status; an interruption exits 130.
    """

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        heading, place = COMMANDS[name]
        module = importlib.import_module(f"ganinv_cli.cli.{place}")
        if heading == EXPERIMENTS:
            return module.make_command(find_experiment(name))  # type: ignore[no-any-return]
        return getattr(module, name.replace("-", "_"))  # type: ignore[no-any-return]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command; an image or a generator in its place is answered with what to type."""
        if args[0] not in COMMANDS:
            from ganinv_cli.generators.formats import is_generator
            from ganinv_cli.images.files import is_image_name

            for command, recognises in {"invert": is_image_name, "inspect": is_generator}.items():
                if recognises(args[0]):
                    first = next(filter(COMMANDS.__contains__, args), command)
                    typed = shlex.join([first, *(word for word in args if word != first)])
                    ctx.fail(f"{args[0]!r} is not a command; type ganinv {typed}")
        return super().resolve_command(ctx, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands under their headings, each with its whole first sentence."""
        sections: dict[str, list[tuple[str, str]]] = {}
        width = max(map(len, COMMANDS))
        for name, (heading, _) in COMMANDS.items():
            command = self.get_command(context, name)
            assert command
            sentence = command.get_short_help_str(limit=1000)
            sections.setdefault(heading, []).append((name.ljust(width), sentence))
        for heading, commands in sections.items():
            with formatter.section(heading):
                formatter.write_dl(commands)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        with explain_usage_errors():
            return super().make_context(*args, **extra)

    def invoke(self, context: click.Context) -> object:
        try:
            with explain_usage_errors():
                return super().invoke(context)
        except KeyboardInterrupt:
            sys.exit(130)

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Run a command: this process's own if no arguments are given, with signals."""
        if args is not None:
            with _explain_errors():
                return super().main(args, *rest, **extra)
        gc.set_threshold(GARBAGE_THRESHOLD)
        if sys.stderr is None:  # closed; a file that is opened would take its descriptor
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
            sys.stderr = os.fdopen(2, "w", closefd=False)
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")  # its encoding may lack characters
        os.environ.pop("MPLBACKEND", None)  # Jupyter's; no command needs it
        logging.getLogger("matplotlib").setLevel(logging.ERROR)  # it explains its temporary folder
        with handle_signals(), _explain_errors():
            return super().main(args, *rest, **extra)


@contextmanager
def _explain_errors() -> Iterator[None]:
    """Turn a GaninvError, or an OSError that no command expects, into a sentence and a status."""
    try:
        with explain_memory_errors():
            yield
    except (GaninvError, OSError) as error:
        explained = error if isinstance(error, GaninvError) else _explain_os_error(error)
        prefix = "Error: " if explained.exit_code else ""
        click.echo(f"{prefix}{to_printable(explained)}", err=True)  # names can be anything
        _drop_unwritable_output()
        sys.exit(explained.exit_code)


def _explain_os_error(error: OSError) -> GaninvError:
    place = "a file or stream" if error.filename is None else os.fsdecode(error.filename)
    return make_error(error, f"{place} cannot be used", "check its name, permissions and the disk")


def _drop_unwritable_output() -> None:
    """Point stdout to nowhere if it is full: Python writes the rest at its end, or exits 120."""
    if sys.stdout is None:  # closed
        return
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@click.command(
    cls=_Commands,
    commands=dict.fromkeys(COMMANDS),  # a misspelt name is compared with them
    context_settings={"help_option_names": ["-h", "--help"], "show_default": True},
)
@click.version_option(None, "-V", "--version", package_name="ganinv", prog_name="ganinv")
def main() -> None:
    """Which latent vector made this image?

    Recovers the latent vectors behind the images of a trained GAN generator (Lipton & Tripathi
    2017), measures the success rate, the error and the speed, and writes the paper's tables and
    figures. `ganinv COMMAND --help` explains a command and its main options, and `ganinv COMMAND
    --help-all` explains every option.
    """
