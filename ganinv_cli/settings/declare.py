"""Declarations of settings.

A setting is one field of a dataclass. Its command-line option, its key in TOML files, its keyword
in the API, the checks of its value and the rule for a run that goes on follow from that field.
"""

import json
from dataclasses import dataclass, field, fields
from typing import Any, Literal, TypeVar, get_args, get_origin

from ganinv_cli.errors import ConfigError

INPUT, GENERATOR, METHOD = "What to invert", "Generator", "Method"
MACHINE, OUTPUT, OTHER = "Where to run", "Output", "Other options"
GROUPS = (INPUT, GENERATOR, METHOD, MACHINE, OUTPUT, OTHER)  # in the order of a help page

MAX_NUMBER = 2**31 - 1  # of a setting that has no smaller limit
MAX_SHOWN = 80  # characters of a wrong value in an error

Value = TypeVar("Value")


@dataclass(frozen=True)
class Setting:
    """A setting, as `declare` declares it."""

    name: str
    default: Any
    # a value in a TOML file: the default, or what shows the type better; None: of several types
    example: Any
    help: str = ""  # of the option
    group: str = METHOD  # of the option
    choices: tuple[str, ...] = ()  # for a Literal: its values; for a list: those of each item
    range: tuple[float, float] | None = None  # least and greatest number, or item of a list
    exclusive: bool = False  # whether the ends of the range are excluded
    automatic: tuple[float, str] | None = None  # another valid number, and what it stands for
    metavar: str = ""
    shown_default: str = ""  # in the help, if the default alone would mislead
    names: tuple[str, ...] = ()  # of the option, if they are not the setting's
    synonym: str = ""  # another name of the key and of the keyword
    in_options: bool = True
    argument: str = ""  # of an argument of the command, in place of an option: its metavar
    repeated: bool = False  # whether the option is given once for each item
    is_path: bool = False  # which the shell completes
    # Whether the setting must be equal when a run goes on. One that depends on the coupling is free
    # unless batch norms couple the trials of a batch. One of how results are shown is not stored.
    resume: Literal["equal", "free", "free unless coupled", "shown"] = "equal"
    weights_only: bool = False  # only for files of weights, which do not describe their layers


def declare(default: Value, **properties: Any) -> Value:
    """Declare a setting as the field of a dataclass; keywords are fields of Setting.

    A field that a subclass has again keeps the properties that it does not declare again.
    """
    declared: Value = field(default=default, metadata=properties)
    return declared


def list_settings(kind: type) -> dict[str, Setting]:
    """Return the declared fields of a dataclass by name."""
    settings = {}
    for each in fields(kind):
        properties: dict[str, Any] = {}
        for base in reversed(kind.__mro__):
            if declared := getattr(base, "__dataclass_fields__", {}).get(each.name):
                properties |= declared.metadata
        if properties:
            if get_origin(each.type) is Literal:
                properties["choices"] = get_args(each.type)
            properties = {"example": each.default} | properties
            settings[each.name] = Setting(each.name, each.default, **properties)
    return settings


def check_value(name: str, value: Any, setting: Setting) -> None:
    """Raise ConfigError unless a value of the right type is a choice and in the range."""
    is_list = isinstance(value, tuple)
    if is_list and setting.default and not value:
        example = to_toml(setting.default[:1])
        raise ConfigError(f"{name} is empty: give one or more, e.g. {example}")
    for item in value if is_list else (value,):
        if fault := _find_fault(item, setting):
            raise ConfigError(f"{name} {'has' if is_list else '='} {to_toml(item)}: give {fault}")


def _find_fault(value: Any, setting: Setting) -> str:
    """Return what to give in place of a value; empty if it is valid."""
    if setting.choices and value not in setting.choices:
        return f"one of {', '.join(setting.choices)}"
    if setting.range is None:
        return ""
    low, high = setting.range
    number, words = setting.automatic or (low, "")
    is_inside = low < value < high if setting.exclusive else low <= value <= high
    if is_inside or (words and value == number):
        return ""
    if setting.exclusive:
        return f"a number above {low:,} and below {high:,}"
    allowed = f"at most {high:,}" if value > high else f"at least {low:,}"
    return f"{allowed}, or {number} for {words}" if words else allowed


def to_toml(value: Any) -> str:
    """Return a value as it stands in a TOML file, or the beginning of it."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
