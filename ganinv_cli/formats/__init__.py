"""Reading generators from the files that other programs wrote, one module a format.

A file is data: nothing in it is executed and its sizes are bounded.
"""

import importlib
from dataclasses import replace
from pathlib import Path

from ganinv_cli.errors import CheckpointError, ConfigError
from ganinv_cli.formats import detect
from ganinv_cli.formats.complete import finished
from ganinv_cli.formats.conventions import beside
from ganinv_cli.formats.reading import Conventions, Found, UnreadableError
from ganinv_cli.network.checkpoint import Checkpoint

OF_WEIGHTS = ("activation", "strides", "padding", "epsilon", "labels")  # of no whole model


def read(path: str | Path, conventions: Conventions | None = None) -> Checkpoint:
    """The generator at `path`, of any format, which its content tells.

    `conventions` go before what stands beside it (`formats.conventions`). Raises CheckpointError,
    which says what was found, what was expected and what to try, or ConfigError for conventions.
    """
    path = Path(path)
    kind = detect.of(path)
    given = conventions or Conventions()
    _check(path, kind, given)
    conventions, told = beside(path, given)
    reader = importlib.import_module(f"ganinv_cli.formats.{kind}")
    try:
        found: Found = reader.read(path, conventions)
        return replace(finished(found, conventions), told=told)
    except UnreadableError as error:
        raise CheckpointError(f"{path}: {error}") from None


def _check(path: Path, kind: str, conventions: Conventions) -> None:
    given = [name for name in OF_WEIGHTS if conventions.says(name)]
    if kind in detect.MODELS and given:
        raise ConfigError(
            f"{path} is a whole model, which says its own {' and '.join(given)}: leave out "
            f"{' and '.join(f'--{name}' for name in given)}"
        )


def starts_tensorflow(path: Path, conventions: Conventions) -> bool:
    """Whether reading takes TensorFlow. Raises CheckpointError where the file alone forbids it."""
    return detect.of(path) in detect.WITH_TENSORFLOW or conventions.trust
