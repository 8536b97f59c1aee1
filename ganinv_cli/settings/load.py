"""The settings of a run: the defaults, then a TOML file, then the command line."""

import math
import tomllib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from ganinv_cli.errors import ConfigError
from ganinv_cli.settings.config import CONFIGS, Config
from ganinv_cli.settings.declare import Setting, check_value, list_settings, to_toml
from ganinv_cli.settings.names import SOLVERS

ConfigT = TypeVar("ConfigT", bound=Config)

_SETTINGS = {name: each for kind in CONFIGS.values() for name, each in list_settings(kind).items()}
_SOLVER_TABLES = {name: Setting(name, default={}, example={}) for name in SOLVERS}
_TYPE_WORDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
    tuple: "a list in brackets",
    dict: "a table",
}


def load(config_class: type[ConfigT], path: Path | None, options: Mapping[str, Any]) -> ConfigT:
    """Return the config of a TOML file, overridden by the options of the command line.

    Raises ConfigError if the file is not TOML, or has an unknown key or an invalid value.
    """
    settings = _check_config(config_class, path, read_toml(path)) if path else {}
    options = {key: value for key, value in options.items() if value not in (None, ())}
    settings |= options
    if settings.get("batch_norm") == "batch":
        settings = {"batch_size": settings.get("trials", config_class.trials), **settings}
    try:
        config = config_class(**settings)
    except ConfigError as error:
        if path and not options:
            raise ConfigError(f"{path}: {error}") from None
        raise
    return config


def check_keywords(
    config_class: type[Config], command: str, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the settings among a function's keyword arguments; None is no setting.

    A value may be what a config file has, or its like in NumPy. Raises ConfigError.
    """
    settings = {key: _to_plain(value) for key, value in given.items() if value is not None}
    if isinstance(settings.get("clip"), str):
        settings["clip"] = [settings["clip"]]
    return _check_config(config_class, command, settings)


def _to_plain(value: Any) -> Any:
    """Return a NumPy array or number as a list or number of Python."""
    return value.tolist() if hasattr(value, "tolist") else value


def _check_config(
    config_class: type[Config], place: Path | str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return checked settings; the tables of the solvers, if there are any, as one setting."""
    checked = check_settings(place, settings, list_settings(config_class) | _SOLVER_TABLES)
    tables = {name: checked.pop(name) for name in SOLVERS if name in checked}
    return checked | ({"solver_tables": tables} if tables else {})


def check_settings(
    place: Path | str, settings: Mapping[str, Any], known: Mapping[str, Setting]
) -> dict[str, Any]:
    """Return the settings of a TOML file, with tuples for lists, if they are valid.

    `place` is the file or command that an error names. Raises ConfigError.
    """
    checked: dict[str, Any] = {}
    for key, value in settings.items():
        if key not in known:
            raise ConfigError(f"{place} has a setting {to_toml(key)}; {_suggest_key(key, known)}")
        example = known[key].example
        checked[key] = tuple(value) if isinstance(value, list) else value
        check_type(f"{place}: {key}", checked[key], example)
        for item in checked[key] if isinstance(example, tuple) else ():
            check_type(f"{place}: an item of {key}", item, example[0])
        check_value(f"{place}: {key}", checked[key], known[key])
    return checked


def _suggest_key(key: str, known: Collection[str]) -> str:
    """Return what to write in place of an unknown key."""
    close = get_close_matches(key, known, n=1)
    return "".join(f"did you mean {name}? " for name in close) + f"known are {', '.join(known)}"


def check_type(name: str, value: Any, example: Any) -> None:
    """Raise ConfigError unless a value has its example's type; an int is valid as a float."""
    kind = type(example)
    is_wrong = isinstance(value, bool) != (kind is bool)
    is_wrong |= not isinstance(value, (int, float) if kind is float else kind)
    if is_wrong or (isinstance(value, float) and not math.isfinite(value)):
        shown = "" if example in ("", (), {}) else f", e.g. {to_toml(example)}"
        raise ConfigError(f"{name} = {to_toml(value)} should be {_TYPE_WORDS[kind]}{shown}")


def identity_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that decide the results; a run goes on only if they are equal."""
    free = {"free"} if settings["batch_norm"] == "batch" else {"free", "free unless coupled"}
    free_names = {name for name, each in _SETTINGS.items() if each.resume in free}
    return {key: value for key, value in settings.items() if key not in free_names}


def name_setting(key: str) -> str:
    """Return a setting's name as a user types it: --seed, or [lbfgs] memory for lbfgs.memory."""
    table, dot, name = key.rpartition(".")
    if dot:
        return f"[{table}] {name}"
    is_option = key not in _SETTINGS or _SETTINGS[key].in_options
    return f"--{key.replace('_', '-')}" if is_option else key


def read_toml(path: Path) -> dict[str, Any]:
    """Return the settings and tables of a TOML file in UTF-8, with or without a byte order mark.

    Raises ConfigError if it is not TOML or cannot be read.
    """
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}); give a text file, and allow reading it"
        ) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}; correct the file") from None
