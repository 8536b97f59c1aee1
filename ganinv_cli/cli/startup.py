"""Starting TensorFlow without its greetings, and reading the checkpoint."""

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ganinv_cli.formats.checkpoint import Checkpoint


def tensorflow(verbose: bool = False) -> None:
    """Import TensorFlow and let it find its devices; what it logs meanwhile is shown when it fails.

    Its C++ side writes to file descriptor 2 before any log level is read, so that is set aside.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if verbose else "2")
    if verbose:
        _start()
        return
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            _start()
        except BaseException:
            aside.seek(0)
            os.write(stderr, aside.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def read(path: Path, verbose: bool) -> "Checkpoint":
    """The checkpoint; said what it is where `verbose`."""
    from ganinv_cli import formats

    found = formats.read(path)
    if verbose:
        click.echo(f"{found.path}: {found.format}, layout {found.layout}, {found.sha256}", err=True)
    return found


def _start() -> None:
    from ganinv_cli.engine import local

    local.prepare()
