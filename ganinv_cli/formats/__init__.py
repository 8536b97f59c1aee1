"""Read generators from other programs' files: one module per format.

A file is data: nothing in it is executed unless it is trusted, and its sizes are bounded.
"""

from dataclasses import replace
from pathlib import Path

from ganinv_cli.errors import CheckpointError, ConfigError
from ganinv_cli.formats.complete import complete_generator
from ganinv_cli.formats.detect import Format, detect_format
from ganinv_cli.formats.generator_toml import read_conventions
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.settings.conventions import WEIGHTS_ONLY, Conventions


def read(path: str | Path, conventions: Conventions | None = None) -> Checkpoint:
    """Return the generator at `path`; the format is recognised by the content.

    `conventions` override the files beside it (see `formats.generator_toml`). Raises
    CheckpointError with what was found, what was expected and what to try, or ConfigError for
    conventions.
    """
    path = Path(path)
    form = detect_format(path)
    given = conventions or Conventions()
    _check_conventions(path, form, given)
    conventions, convention_files = read_conventions(path, given)
    try:
        generator = form.read(path, conventions)
        return replace(
            complete_generator(generator, conventions), convention_files=convention_files
        )
    except UnreadableError as error:
        raise CheckpointError(f"{path}: {error}") from None


def _check_conventions(path: Path, form: Format, conventions: Conventions) -> None:
    forbidden = [name for name in WEIGHTS_ONLY if conventions.is_given(name)]
    if form.is_whole_model and forbidden:
        raise ConfigError(
            f"{path} is a whole model, which describes its own layers: leave out "
            f"{' and '.join(f'--{name}' for name in forbidden)}"
        )


def needs_tensorflow(path: Path, conventions: Conventions) -> bool:
    """Return whether reading needs TensorFlow. Raises CheckpointError if no format fits."""
    return detect_format(path).needs_tensorflow or conventions.trust
