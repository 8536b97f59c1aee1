"""The settings of a run: the defaults, then a TOML file, then the command line."""

import contextlib
import json
import re
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from ganinv_cli.errors import ConfigError, GaninvError, explain_failures
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.declare import Setting, ValueType, check_value, list_settings, to_toml
from ganinv_cli.settings.names import SOLVERS

MAX_LISTED = 16  # names of settings in an error

ConfigT = TypeVar("ConfigT", bound=Config)

_SOLVER_TABLES = {name: Setting(name, None, ValueType((dict,))) for name in SOLVERS}
_TYPE_WORDS: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text in quotes",
    dict: "a table",
}


def load_config(
    config_class: type[ConfigT],
    path: Path | None,
    options: Mapping[str, Any],
    assignments: Iterable[str] = (),
) -> ConfigT:
    """Return the config of a TOML file, overridden by the options of the command line.

    The `assignments` are those of --set, e.g. "gd.rate=0.5". Raises ConfigError if the file is not
    TOML, or something has an unknown key or an invalid value.
    """
    settings = _check_config(config_class, path, read_toml(path)) if path else {}
    options = {key: value for key, value in options.items() if value not in (None, ())}
    assigned = _check_config(config_class, "--set", read_assignments(assignments))
    for key in options.keys() & assigned.keys():
        raise ConfigError(f"{name_setting(key)} and --set {key} are one setting; give one of them")
    options |= assigned
    file_tables, tables = settings.get("solver_tables", {}), options.get("solver_tables", {})
    settings |= options
    settings["solver_tables"] = file_tables | {
        name: file_tables.get(name, {}) | table for name, table in tables.items()
    }
    if settings.get("batch_norm") == "batch":
        settings = {"batch_size": settings.get("trials", config_class.trials), **settings}
    try:
        config = config_class(**settings)
        _check_tables_are_used(tables, config.solver)
        _check_tables_are_used({} if "solver" in options else file_tables, config.solver)
    except ConfigError as error:
        if path and not options:
            raise ConfigError(f"{path}: {error}") from None
        raise
    return config


def _check_tables_are_used(tables: Mapping[str, Any], solver: str) -> None:
    """Raise ConfigError if solvers have settings in one place, and none is the chosen one."""
    if tables and solver not in tables:
        name = next(iter(tables))
        raise ConfigError(
            f'{name} has settings, but the solver is {solver}: add solver = "{name}" (--solver '
            f"{name}), or leave {name} out"
        )


def check_keywords(
    config_class: type[Config], command: str, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the settings among a function's keyword arguments; None is not a setting.

    A value may be what a config file has, or its like in NumPy. Raises ConfigError.
    """
    settings = {key: convert_numpy(value) for key, value in given.items() if value is not None}
    return _check_config(config_class, command, settings)


def convert_numpy(value: Any) -> Any:
    """Return a NumPy array or number as a list or number of Python."""
    return value.tolist() if hasattr(value, "tolist") else value


def _check_config(
    config_class: type[Config], place: Path | str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return checked settings by name; the tables of the solvers, if any, as one setting."""
    known = list_settings(config_class) | _SOLVER_TABLES
    synonyms = {each.synonym: each for each in known.values() if each.synonym}
    checked = check_settings(place, settings, known | synonyms)
    for synonym, setting in synonyms.items():
        if synonym in checked and setting.name in checked:
            raise ConfigError(
                f"{place} has {synonym} and {setting.name}, which are one setting; give one of them"
            )
        if synonym in checked:
            checked[setting.name] = checked.pop(synonym)
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
            raise ConfigError(f"{place}: {key} is not a setting{_suggest_key(key, value, known)}")
        if isinstance(value, str) and known[key].type.is_list and known[key].choices:
            value = [word.strip() for word in value.split(",")]
        _check_type(f"{place}: {key}", value, known[key], _suggest_similar(key, value, known))
        checked[key] = tuple(value) if known[key].type.is_list else value
        check_value(f"{place}: {key}", checked[key], known[key])
    return checked


def _suggest_key(key: str, value: Any, known: Collection[str]) -> str:
    if close := get_close_matches(key, known, n=1, cutoff=0.7):
        is_table = isinstance(value, dict)
        return (
            f"; did you mean {f'[{close[0]}]' if is_table else f'{close[0]} = {to_toml(value)}'}?"
        )
    if len(known) <= MAX_LISTED:
        return f"; there are {', '.join(known)}"
    return (  # of a run
        " (docs/cli.md lists them); one of a solver has its name before it, e.g. "
        f"gd.{key} = {to_toml(value)}"
    )


def _suggest_similar(key: str, value: Any, known: Mapping[str, Setting]) -> str:
    """Return a question for another key of nearly the same name that takes the value."""
    fitting = [
        name
        for name, each in known.items()
        if each.type.fits(value) and (not each.choices or value in each.choices)
    ]
    close = get_close_matches(key, fitting, n=1, cutoff=0.9)
    return "".join(f"; did you mean {name}?" for name in close)


def _check_type(name: str, value: Any, setting: Setting, suggestion: str) -> None:
    words = " or ".join(_TYPE_WORDS[kind] for kind in setting.type.kinds)
    example = setting.example or setting.default
    if not setting.type.fits(value):
        shown = f", e.g. {to_toml(example)}" if example else ""
        should = "a list in brackets" if setting.type.is_list else words
        raise ConfigError(f"{name} = {to_toml(value)} should be {should}{shown}{suggestion}")
    for item in value if setting.type.is_list else ():
        if not setting.type.fits_item(item):
            raise ConfigError(
                f"{name} has {to_toml(item)}, which should be {words}, e.g. {to_toml(example[0])}"
            )


def identity_settings(config_class: type[Config], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that decide the results; a run goes on only if they are equal."""
    free = {"free", "shown"}
    if settings["batch_norm"] != "batch":
        free.add("free unless coupled")
    declared = list_settings(config_class).values()
    free_names = {setting.name for setting in declared if setting.resume in free}
    return {key: value for key, value in settings.items() if key not in free_names}


_OPTION = re.compile("--[a-z][a-z-]*")
_HASHED = {
    "mask_sha256": "the hash of --mask",
    "encoder_sha256": "the hash of the encoder",
    "latents_sha256": "the hash of --latents",
}


def name_setting(key: str) -> str:
    """Return a setting's name as a user types it: --seed, or [lbfgs] memory for lbfgs.memory."""
    table, dot, name = key.rpartition(".")
    if dot:
        return f"[{table}] {name}"
    return _HASHED.get(key) or f"--{key.replace('_', '-')}"


@contextlib.contextmanager
def name_arguments(config_class: type[Config]) -> Iterator[None]:
    """In the errors of a function, name its arguments in place of options of a command."""
    try:
        yield
    except GaninvError as error:
        arguments = {f"--{name}": name for name in ("config", "out", "overwrite")} | {
            option: each.synonym or each.name
            for each in list_settings(config_class).values()
            for option in each.names or (name_setting(each.name),)
        }
        error.args = (_OPTION.sub(lambda found: arguments.get(found[0], found[0]), str(error)),)
        raise


def read_assignments(assignments: Iterable[str]) -> dict[str, Any]:
    """Return the settings and tables of assignments, as of a TOML file; a later one wins.

    Text needs no quotes, and a list of numbers no brackets. Raises ConfigError.
    """
    settings: dict[str, Any] = {}
    for assignment in assignments:
        for key, value in _read_assignment(assignment).items():
            tables = value, settings.get(key)
            is_more = all(isinstance(table, dict) for table in tables)
            settings[key] = settings[key] | value if is_more else value
    return settings


def _read_assignment(assignment: str) -> dict[str, Any]:
    key, equals, value = assignment.partition("=")
    value = re.sub(r"(^|[\s,\[+-])\.(?=\d)", r"\g<1>0.", value)  # TOML knows no .5
    for written in (value, f"[{value}]", json.dumps(value)) if equals else ():
        with contextlib.suppress(ValueError):
            return tomllib.loads(f"{key} = {written}")
    raise ConfigError(f"--set {assignment}: give a setting and its value, e.g. --set gd.rate=0.5")


def read_toml(path: Path) -> dict[str, Any]:
    """Return the settings and tables of a TOML file in UTF-8, with or without a byte order mark.

    Raises ConfigError if it is not TOML or cannot be read.
    """
    with (
        explain_failures(
            f"{path} cannot be read", "name a text file that may be read", ConfigError
        ),
        explain_failures(
            f"{path} is not TOML", "correct the file", ConfigError, (ValueError, RecursionError)
        ),
    ):
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
