"""The settings of a run: the defaults, then a TOML file, then the command line."""

import math
import tomllib
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from ganinv_cli.errors import ConfigError
from ganinv_cli.settings.config import (
    Config,
    ConsistencyConfig,
    InvertConfig,
    NoiseSweepConfig,
    RecoverConfig,
)
from ganinv_cli.settings.declare import Declaration, Setting, check_value, list_settings, to_toml
from ganinv_cli.settings.names import SOLVERS

ConfigT = TypeVar("ConfigT", bound=Config)

MAX_BYTES = 1 << 20  # of a TOML file


def load(config_class: type[ConfigT], path: Path | None, options: Mapping[str, Any]) -> ConfigT:
    """Return the config of a TOML file, overridden by the options of the command line.

    Raises ConfigError if the file is not TOML, or has an unknown key or an invalid value, or if an
    option has no effect; in a file, which several runs may share, such a setting is ignored.
    """
    settings = _read_settings(config_class, path) if path else {}
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
    _refuse_ignored_options(config, options)
    return config


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
    return _check_config(config_class, command, settings)


def check_stored_settings(config_class: type[Config], settings: Mapping[str, Any]) -> None:
    """Raise ConfigError if a results file has a setting that no config file may have.

    Keys that are no settings, such as those of later versions, may have any value.
    """
    keys = (*list_settings(config_class), *SOLVERS)
    known = {key: value for key, value in settings.items() if key in keys}
    config_class(**_check_config(config_class, "the config", known))


def _to_plain(value: Any) -> Any:
    """Return a NumPy array or number, or a tuple, as a list or number of Python."""
    if hasattr(value, "tolist"):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value


def _read_settings(config_class: type[Config], path: Path) -> dict[str, Any]:
    try:
        settings = read_toml(path)
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError(f"{path} does not exist; name a TOML file") from None
    return _check_config(config_class, path, settings)


def _check_config(
    config_class: type[Config], place: Path | str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return checked settings; the tables of the solvers, if there are any, as one setting."""
    tables = {name: Setting(name, {}, Declaration()) for name in SOLVERS}
    checked = check_settings(place, settings, list_settings(config_class) | tables)
    given = {name: checked.pop(name) for name in SOLVERS if name in checked}
    return checked | ({"solver_tables": given} if given else {})


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
        for item in checked[key] if isinstance(value, list) else ():
            check_type(f"{place}: an item of {key}", item, example[0])
        check_value(f"{place}: {key}", checked[key], known[key])
    return checked


def _suggest_key(key: str, known: Collection[str]) -> str:
    """Return what to write in place of an unknown key."""
    close = get_close_matches(key, known, n=1)
    return "".join(f"did you mean {name}? " for name in close) + f"known are {', '.join(known)}"


def check_type(name: str, value: Any, example: Any) -> None:
    """Raise ConfigError unless a value has its example's type; an int is valid as a float."""
    types = (int, float) if isinstance(example, float) else (type(example),)
    wrong = not isinstance(value, types) or isinstance(value, bool) != isinstance(example, bool)
    if wrong or (isinstance(value, float) and not math.isfinite(value)):
        raise ConfigError(f"{name} = {to_toml(value)} should be {_describe_type(example)}")


def _describe_type(example: Any) -> str:
    """Return the words for the values that are like an example."""
    for kind, words in _TYPE_WORDS.items():
        if isinstance(example, kind):
            return f"{words}, e.g. {to_toml(example)}" if example not in ("", ()) else words
    return "a table"


_TYPE_WORDS = {  # bool first, as it is an int
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
    tuple: "a list in brackets",
}


_DECLARATIONS = {
    name: setting.declaration
    for kind in (RecoverConfig, NoiseSweepConfig, ConsistencyConfig, InvertConfig)
    for name, setting in list_settings(kind).items()
}


def identity_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that decide the results; a run goes on only if they are equal."""
    free = {"free"} if settings["batch_norm"] == "batch" else {"free", "free unless coupled"}
    return {
        key: value
        for key, value in settings.items()
        if key not in _DECLARATIONS or _DECLARATIONS[key].resume not in free
    }


def name_setting(key: str) -> str:
    """Return a setting's name as a user types it: --seed, or [lbfgs] memory for lbfgs.memory."""
    table, dot, name = key.rpartition(".")
    if dot:
        return f"[{table}] {name}"
    is_option = key not in _DECLARATIONS or _DECLARATIONS[key].in_options
    return f"--{key.replace('_', '-')}" if is_option else key


def read_toml(path: Path) -> dict[str, Any]:
    """Return the settings and tables of a TOML file in UTF-8, with or without a byte order mark.

    Raises FileNotFoundError or NotADirectoryError if there is none, ConfigError if it is not TOML
    or cannot be read.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
        return tomllib.loads(content.decode("utf-8-sig"))
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}); give a text file, and allow reading it"
        ) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}; correct the file") from None
