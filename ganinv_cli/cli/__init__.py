"""The command line: one file per command, imported when it is called."""

import importlib
import os
import shutil
import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import click

from ganinv_cli.errors import GaninvError, explain_os_error, to_printable
from ganinv_cli.limits import NUMPY_ADDRESSES, check_address_space, explain_memory_errors
from ganinv_cli.progress.interrupts import handle_signals
from ganinv_cli.streams import prepare_streams

COMMANDS = {  # name -> heading in the help
    "recover": "Experiments",
    "noise-sweep": "Experiments",
    "consistency": "Experiments",
    "invert": "Experiments",
    "inspect": "Generators",
    "sample": "Generators",
    "convert": "Generators",
    "train": "Generators",
    "train-encoder": "Generators",
    "report": "Results",
    "merge": "Results",
    "cache": "Results",
}

# Environment variables of h5py and Matplotlib that no command needs. With a value that it does not
# know, the library ends in a traceback.
UNUSED_VARIABLES = ("HDF5_DRIVER", "MPLBACKEND", "SOURCE_DATE_EPOCH")


class _Commands(click.Group):
    """The commands, each imported when it is called, so that help is instant.

    A GaninvError becomes one line on stderr and its own exit status; an interruption exits 130.
    """

    def list_commands(self, context: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        module_name = name.replace("-", "_")
        module = importlib.import_module(f"ganinv_cli.cli.{module_name}")
        return getattr(module, module_name)  # type: ignore[no-any-return]

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(context, args)
        except click.NoSuchCommand as error:  # Click suggests only commands that are imported
            raise click.NoSuchCommand(
                error.command_name, possibilities=COMMANDS, ctx=context
            ) from None

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the commands under their headings, each with its whole first sentence."""
        sections: dict[str, list[tuple[str, str]]] = {}
        width = max(map(len, COMMANDS))
        for name, heading in COMMANDS.items():
            command = self.get_command(context, name)
            assert command
            sentence = command.get_short_help_str(limit=1000)
            sections.setdefault(heading, []).append((name.ljust(width), sentence))
        for heading, commands in sections.items():
            with formatter.section(heading):
                formatter.write_dl(commands)

    def invoke(self, context: click.Context) -> object:
        try:
            return super().invoke(context)
        except KeyboardInterrupt:
            sys.exit(130)

    def main(self, args: Sequence[str] | None = None, *rest: Any, **extra: Any) -> Any:
        """Run a command: this process's own if no arguments are given, with signals and streams."""
        if args is not None:
            with _explain_errors():
                return super().main(args, *rest, **extra)
        prepare_streams()
        for name in UNUSED_VARIABLES:
            os.environ.pop(name, None)
        with handle_signals(), _explain_errors():
            check_address_space(NUMPY_ADDRESSES)
            return super().main(args, *rest, **extra)


@contextmanager
def _explain_errors() -> Iterator[None]:
    """Turn a GaninvError, or an OSError that no command expects, into a sentence and a status."""
    try:
        with explain_memory_errors():
            yield
    except GaninvError as error:
        _end_with_error(error)
    except OSError as error:
        _end_with_error(explain_os_error(error))


def _end_with_error(error: GaninvError) -> NoReturn:
    prefix = "Error: " if error.exit_code else ""
    _print_error(f"{prefix}{to_printable(error)}")  # names in files can be anything
    sys.exit(error.exit_code)


def _print_error(sentence: str) -> None:
    """Print a sentence on stderr, wrapped between words on a terminal."""
    if sys.stderr.isatty():
        width = shutil.get_terminal_size().columns
        sentence = textwrap.fill(sentence, width, break_long_words=False, break_on_hyphens=False)
    click.echo(sentence, err=True)


@click.command(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(None, "-V", "--version", package_name="ganinv", prog_name="ganinv")
def main() -> None:
    """Which latent vector made this image?

    Recovers the latent vectors behind the images of a trained GAN generator (Lipton & Tripathi
    2017), measures the success rate, the error and the speed, and writes the paper's tables and
    figures. `ganinv COMMAND --help` explains a command.
    """
