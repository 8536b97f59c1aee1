"""Read generators from other programs' files: one module per format.

A file is data: nothing in it is executed unless it is trusted.
"""

from dataclasses import replace
from pathlib import Path

from ganinv_cli.errors import ConfigError
from ganinv_cli.formats import (
    keras,
    onnx,
    python,
    safetensors,
    saved_model,
    tensorflow,
    torch,
)
from ganinv_cli.formats.boundary import explain_reading_errors
from ganinv_cli.formats.complete import complete_generator
from ganinv_cli.formats.generator_toml import read_conventions
from ganinv_cli.formats.interface import FileFacts, Format
from ganinv_cli.formats.unsupported import refuse_unsupported
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.settings.conventions import WEIGHTS_ONLY, Conventions

FORMATS = (  # a file is read in the first that recognises it
    python.FORMAT,
    onnx.FORMAT,
    saved_model.FORMAT,
    keras.FORMAT,
    safetensors.FORMAT,
    torch.FORMAT,
    tensorflow.FORMAT,  # last: it recognises every path, or raises CheckpointError
)


def read(path: str | Path, conventions: Conventions | None = None) -> Checkpoint:
    """Return the generator at `path`; the format is recognised by the content.

    `conventions` override the files beside it (see `formats.generator_toml`). Raises
    CheckpointError with what was found and what to do, or ConfigError for conventions.
    """
    path, given = Path(path), conventions or Conventions()
    form = find_format(path)
    forbidden = [f"--{name}" for name in WEIGHTS_ONLY if given.is_given(name)]
    if form.is_whole_model and forbidden:
        raise ConfigError(
            f"{path} is a whole model, which describes its own layers: leave out "
            f"{' and '.join(forbidden)}"
        )
    conventions, convention_files = read_conventions(path, given)
    with explain_reading_errors(path, form.title):
        checkpoint = complete_generator(form.read(path, conventions), conventions)
    return replace(checkpoint, convention_files=convention_files)


def find_format(path: Path) -> Format:
    """Return the format of a file, a folder, or the common prefix of several files.

    It needs no TensorFlow. Raises CheckpointError if no format recognises it.
    """
    facts = FileFacts(path)
    with explain_reading_errors(path, "a generator"):
        refuse_unsupported(facts)
        return next(form for form in FORMATS if form.recognises(facts))
