"""Read generators from other programs' files: one module or package per format, with a `read`.

A file is data: nothing in it is executed unless it is trusted.
"""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from ganinv_cli.errors import CheckpointError, ConfigError, GaninvError, to_printable
from ganinv_cli.generators.formats.boundary import explain_reading_errors
from ganinv_cli.generators.formats.complete import complete_generator
from ganinv_cli.generators.formats.interface import GRAPH_FILE, TORCH_PROGRAMS, FileFacts, Format
from ganinv_cli.generators.formats.tensorflow.checkpoint_files import find_checkpoint
from ganinv_cli.generators.formats.unsupported import refuse_unsupported
from ganinv_cli.generators.network.definition import Definition
from ganinv_cli.settings.conventions import CONVENTIONS, WEIGHTS_ONLY, Conventions
from ganinv_cli.settings.load import check_settings, read_toml
from ganinv_cli.settings.shipped import find

FORMATS = (  # a file is read in the first that recognises it
    Format("a Python file", "python", lambda facts: facts.is_file and facts.path.suffix == ".py"),
    Format(
        "a SavedModel",
        "saved_model",
        lambda facts: facts.path.suffix == ".pb" or (facts.path / GRAPH_FILE).exists(),
    ),
    Format("Keras", "keras", lambda facts: facts.is_hdf5 or "config.json" in facts.members),
    Format(
        "safetensors",
        "safetensors",
        lambda facts: facts.is_safetensors,
        is_whole_model=False,
        needs_tensorflow=False,
    ),
    Format("a program of PyTorch", "torch_module", lambda facts: facts.has_member(*TORCH_PROGRAMS)),
    Format(
        "PyTorch",
        "torch",
        lambda facts: facts.is_torch_stream or facts.has_member("/data.pkl"),
        is_whole_model=False,
        needs_tensorflow=False,
    ),
    Format("ONNX", "onnx", lambda facts: facts.path.suffix == ".onnx"),
    Format(  # last: it recognises every path, or raises CheckpointError
        "a TensorFlow checkpoint",
        "tensorflow",
        lambda facts: bool(find_checkpoint(facts.path)),
        is_whole_model=False,
    ),
)
CONVENTIONS_FILE = "generator.toml"  # in a folder, for all its generators
_KNOWN = {name: each for name, each in CONVENTIONS.items() if name != "trust"}


def read(path: str | Path, conventions: Conventions | None = None) -> Definition:
    """Return the generator at `path`; the format is recognised by the content.

    `conventions` override the files beside it (see `read_conventions`). Raises
    CheckpointError with what was found and what to do, or ConfigError for conventions.
    """
    path, given = Path(path), conventions or Conventions()
    form = find_format(path)
    conventions, convention_files = read_conventions(path, given)
    forbidden = [f"--{name}" for name in WEIGHTS_ONLY if conventions.is_given(name)]
    try:
        if form.is_whole_model and forbidden:
            raise ConfigError(
                f"{path} is a whole model, which describes its own layers: leave out "
                f"{' and '.join(forbidden)}"
            )
        with explain_reading_errors(path, form.title):
            definition = complete_generator(form.read(path, conventions), conventions)
    except (CheckpointError, ConfigError) as error:
        if not convention_files:
            raise
        names = to_printable(" and ".join(convention_files))
        raise type(error)(f"{error}; conventions are from {names}") from error.__cause__
    return replace(definition, convention_files=convention_files)


def find_format(path: Path) -> Format:
    """Return the format of a file, a folder, or the common prefix of several files.

    It needs no TensorFlow. Raises CheckpointError if no format recognises it.
    """
    facts = FileFacts(path)
    with explain_reading_errors(path, "a generator"):
        refuse_unsupported(facts)
        return next(form for form in FORMATS if form.recognises(facts))


def list_files(path: Path) -> list[Path]:
    """Return the files that are read for a generator, sorted; none if it may read any, in Python.

    It needs no TensorFlow. Raises CheckpointError if no format recognises it.
    """
    form = find_format(path)
    if form.module == "python":
        return []
    if form.module == "tensorflow":
        prefix = find_checkpoint(path).prefix
        return sorted(each for each in prefix.parent.iterdir() if each.name.startswith(prefix.name))
    folder = path.parent if path.name == GRAPH_FILE else path
    return sorted(filter(Path.is_file, folder.rglob("*"))) if folder.is_dir() else [path]


def is_generator(name: str) -> bool:
    """Return whether a path, or the name of a file that ships, is of a format that is read."""
    with suppress(GaninvError):
        return bool(find_format(find("checkpoint", name)))
    return False


def read_conventions(path: Path, conventions: Conventions) -> tuple[Conventions, tuple[str, ...]]:
    """Return the conventions, completed from TOML files, and the files that were used.

    `FILE.toml` is for that file or folder alone and comes first; `generator.toml` is for all files
    in its folder. `trust` is not read from files. Raises ConfigError.
    """
    used_files = []
    own_file = [path.with_name(f"{path.name}.toml")] if path.name else []  # "." and "/" have none
    for file in (*own_file, (path if path.is_dir() else path.parent) / CONVENTIONS_FILE):
        settings = check_settings(file, read_toml(file), _KNOWN) if file.exists() else {}
        new_settings = {key: settings[key] for key in settings if not conventions.is_given(key)}
        conventions = replace(conventions, **new_settings)
        if new_settings:
            used_files.append(str(file))
    return conventions, tuple(used_files)
