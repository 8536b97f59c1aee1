"""The settings of a run: the defaults, then a TOML file, then the command line."""

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from ganinv_cli.errors import ConfigError
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.conventions import DECLARATIONS
from ganinv_cli.settings.names import SOLVERS
from ganinv_cli.settings.toml_file import read_toml

ConfigT = TypeVar("ConfigT", bound=Config)

MAX_NUMBER = 2**63 - 1  # of a whole number in a file
MAX_SHOWN = 80  # characters of a wrong key or value in an error


def load(config_class: type[ConfigT], path: Path | None, options: Mapping[str, Any]) -> ConfigT:
    """Return the config of a TOML file, overridden by the options of the command line.

    Raises ConfigError if the file is not TOML, or has an unknown key or an invalid value, or if an
    option has no effect; in a file, which several runs may share, such a setting is ignored.
    """
    settings = _read_settings(config_class, path) if path else {}
    options = {key: value for key, value in options.items() if value not in (None, ())}
    try:
        settings |= options
        if settings.get("batch_norm") == "batch":
            settings = {"batch_size": settings.get("trials", config_class.trials), **settings}
        config = config_class(**settings)
        _refuse_ignored_options(config, options)
        return config
    except ConfigError as error:
        if path and not options:
            raise ConfigError(f"{path}: {error}") from None
        raise


def _refuse_ignored_options(config: Config, options: Mapping[str, Any]) -> None:
    """Raise ConfigError for the first option that has no effect beside the other settings."""
    descent = config.solver == "gd"
    inexact = not config.has_exact_images
    lbfgs_only = "it is a setting of lbfgs, and the solver is gd"
    images = "for noisy images and image files lbfgs always uses"
    for name, is_ignored, reason in (
        ("stationary", descent, lbfgs_only),
        ("loss", descent and config.loss == "preconditioned", lbfgs_only),
        ("precision", descent and config.precision == "mixed", lbfgs_only),
        ("loss", inexact and config.loss == "preconditioned", f"{images} the plain loss"),
        ("precision", inexact and config.precision == "mixed", f"{images} float32"),
    ):
        if is_ignored and name in options:
            raise ConfigError(f"--{name} has no effect: {reason}; leave it out")


def check_keywords(
    config_class: type[Config], command: str, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the settings among a function's keyword arguments; None is no setting.

    A value may be what a config file has, or its like in NumPy. Raises ConfigError.
    """
    settings = {key: _to_plain(value) for key, value in given.items() if value is not None}
    if isinstance(settings.get("clip"), str):
        settings["clip"] = [settings["clip"]]
    checked = check_settings(Path(command), settings, _list_keys(config_class), _ITEM_EXAMPLES)
    return _gather_tables(checked)


def check_stored_settings(config_class: type[Config], settings: Mapping[str, Any]) -> None:
    """Raise ConfigError if a results file has a setting that no config file may have.

    Keys that are no settings, such as those of later versions, may have any value.
    """
    keys = _list_keys(config_class)
    known = {key: value for key, value in settings.items() if key in keys}
    checked = check_settings(Path("the config"), known, keys, _ITEM_EXAMPLES)
    config_class(**_gather_tables(checked))


def _to_plain(value: Any) -> Any:
    """Return a NumPy array or number, or a tuple, as a list or number of Python."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value


def check_settings(
    path: Path, settings: Mapping[str, Any], known: Mapping[str, Any], items: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the settings of a TOML file, lists as tuples, if they are like the `known` ones.

    `items` has an example of an item of each list. Raises ConfigError.
    """
    checked: dict[str, Any] = {}
    for key, value in settings.items():
        if key not in known:
            shown = _shorten(repr(key))
            raise ConfigError(f"{path} has a setting {shown}; {_suggest_key(key, known)}")
        checked[key] = tuple(value) if isinstance(value, list) else value
        check_type(f"{path}: {key}", checked[key], known[key])
        for item in checked[key] if isinstance(value, list) else ():
            check_type(f"{path}: an item of {key}", item, items[key])
    return checked


def _suggest_key(key: str, known: Collection[str]) -> str:
    """Return what to write in place of an unknown key."""
    close = get_close_matches(key, known, n=1)
    return "".join(f"did you mean {name}? " for name in close) + f"known are {', '.join(known)}"


def check_type(name: str, value: Any, default: Any) -> None:
    """Raise ConfigError unless a value has its default's type; an int is valid as a float."""
    types = (int, float) if isinstance(default, float) else (type(default),)
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        raise ConfigError(f"{name} is beyond {MAX_NUMBER:,}; give a smaller number")
    if isinstance(value, str) and "\0" in value:  # no path and no name may hold it
        raise ConfigError(f"{name} holds a null character; remove it")
    wrong = not isinstance(value, types) or isinstance(value, bool) != isinstance(default, bool)
    if wrong or (isinstance(value, float) and not math.isfinite(value)):
        shown = _shorten(_to_toml(value))
        raise ConfigError(f"{name} = {shown} should be {_describe_type(default)}")


def _describe_type(example: Any) -> str:
    """Return the words for the values that are like an example."""
    for kind, words in _TYPE_WORDS.items():
        if isinstance(example, kind):
            return f"{words}, e.g. {_to_toml(example)}" if example not in ("", ()) else words
    return "a table"


def _to_toml(value: Any) -> str:
    """Return a value as it stands in a TOML file."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_to_toml, value))}]"
    return str(value)


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


_TYPE_WORDS = {  # bool first, as it is an int
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
    tuple: "a list in brackets",
}


_ITEM_EXAMPLES = {
    **{"clip": "none", "snapshots": 10, "variances": 0.1, "image": "photo.png"},
    **{key: e.example[-1] for key, e in DECLARATIONS.items() if isinstance(e.example, tuple)},
}


def _read_settings(config_class: type[Config], path: Path) -> dict[str, Any]:
    try:
        settings = read_toml(path)
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(f"{path} does not exist; name a TOML file") from None
    return _gather_tables(check_settings(path, settings, _list_keys(config_class), _ITEM_EXAMPLES))


def _gather_tables(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the settings with the tables of the solvers as one setting, if there are any."""
    tables = {name: settings.pop(name) for name in SOLVERS if name in settings}
    return settings | ({"solver_tables": tables} if tables else {})


def _list_keys(config_class: type[Config]) -> dict[str, Any]:
    """Return every key that a config file may have, with its default."""
    keys: dict[str, Any] = {}
    for each in fields(config_class):
        names = SOLVERS if each.name == "solver_tables" else (each.name,)
        keys |= {name: getattr(config_class(), each.name) for name in names}
    return keys
