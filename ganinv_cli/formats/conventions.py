"""What is said of a generator beside its file, once and for all."""

import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ganinv_cli.errors import ConfigError
from ganinv_cli.formats.reading import Conventions
from ganinv_cli.settings.load import check_kind

NAME = "generator.toml"
LIKE: dict[str, Any] = {  # what it may say, with an example
    "prior": "normal:1,0.99",
    "range": "tanh",
    "activation": "leaky_relu:0.2",
    "strides": (1, 2, 2),
    "padding": (0, 1, 1),
    "epsilon": (1e-5,),
    "labels": 10,
}
MOST_BYTES = 1 << 16


def beside(path: Path, given: Conventions) -> tuple[Conventions, tuple[str, ...]]:
    """What was given; for the rest what `FILE.toml` beside the file says, then `generator.toml`.

    The first is for that file or folder alone, the second for all in its folder, or in the folder
    that it is. Also the files that said something. Trust is given, never found. Raises ConfigError.
    """
    used = []
    own = [path.with_name(f"{path.name}.toml")] if path.name else []  # "." and "/" have none
    for file in (*own, folder(path) / NAME):
        told = _read(file)
        silent = {key: told[key] for key in told if not given.says(key)}
        given = replace(given, **silent)
        used += [str(file)] * bool(silent)
    return given, tuple(used)


def folder(path: Path) -> Path:
    """Where the conventions of all in a folder lie."""
    return path if path.is_dir() else path.parent


def _read(file: Path) -> dict[str, Any]:
    try:
        text = file.read_bytes()[:MOST_BYTES].decode()
        return _checked(file, tomllib.loads(text))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (ValueError, RecursionError, OSError) as error:  # tomllib's own, and numbers too long
        raise ConfigError(f"{file} cannot be read as TOML: {error}") from None


def _checked(file: Path, told: Mapping[str, Any]) -> dict[str, Any]:
    checked = {key: tuple(told[key]) if isinstance(told[key], list) else told[key] for key in told}
    for key, value in checked.items():
        if key not in LIKE:
            raise ConfigError(f"{file} has a setting {key!r}; known are {', '.join(LIKE)}")
        check_kind(f"{file}: {key}", value, LIKE[key])
        if isinstance(value, tuple):
            for item in value:
                check_kind(f"{file}: an item of {key}", item, LIKE[key][0])
    return checked
