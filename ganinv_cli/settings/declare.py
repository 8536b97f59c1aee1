"""Declarations of settings.

A setting is one field of a dataclass. Its command-line option, its key in TOML files, its keyword
in the API, the checks of its value and the rule for a run that goes on follow from that field.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import MISSING, dataclass, field, fields
from difflib import get_close_matches
from types import NoneType
from typing import Any, Literal, NamedTuple, TypeVar, get_args, get_origin

from ganinv_cli.errors import ConfigError

INPUT, GENERATOR, METHOD = "What to invert", "Generator", "Method"
TRAINING, MACHINE, OUTPUT, OTHER = "Training", "Where to run", "Output", "Other options"
GROUPS = {  # of options, in the order of a help page, and what the short help says of each
    INPUT: "How images are prepared, e.g. cropped or clipped.",
    GENERATOR: "How its file is read: prior, pixel range, layers.",
    METHOD: "Solver, loss, restarts, budget, precision.",
    TRAINING: "Batch size, precision, augmentation, kept checkpoints.",
    MACHINE: "Batch size, a Ray cluster, parts of a run for array jobs.",
    OUTPUT: "Replacing files that exist, printing more or less.",
    OTHER: "Settings of a config file.",
}

MAX_NUMBER = 2**31 - 1  # of a setting that has no smaller limit
MAX_SHOWN = 80  # characters of a wrong value in an error

Value = TypeVar("Value")


class ValueType(NamedTuple):
    """What a setting takes, as the type of its field says it."""

    kinds: tuple[type, ...]  # of the value, or of each item of a list
    is_list: bool = False
    choices: tuple[str, ...] = ()  # of a Literal

    def fits(self, value: Any) -> bool:
        """Return whether a value has the type, without its items; an int is valid as a float."""
        return isinstance(value, list | tuple) if self.is_list else self.fits_item(value)

    def fits_item(self, value: Any) -> bool:
        """Return whether an item of a list, or else the value, has the type."""
        if isinstance(value, bool):
            return bool in self.kinds
        if isinstance(value, float) and not math.isfinite(value):
            return False
        return isinstance(value, self.kinds) or (isinstance(value, int) and float in self.kinds)


@dataclass(frozen=True)
class Setting:
    """A setting, as `declare` declares it."""

    name: str
    default: Any  # None: not given
    type: ValueType
    example: Any = None  # a value in a TOML file, if the default does not show the type
    help: str = ""  # of the option
    group: str = METHOD  # of the option
    choices: tuple[str, ...] = ()  # of the value, or of each item of a list
    range: tuple[float, float] | None = None  # least and greatest number, or item of a list
    exclusive: bool = False  # whether the ends of the range are excluded
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
    """Return the settings of a dataclass by name: the fields that have a default value."""
    settings = {}
    for each in fields(kind):
        if each.default is not MISSING:
            properties: dict[str, Any] = {}
            for base in reversed(kind.__mro__):
                if declared := getattr(base, "__dataclass_fields__", {}).get(each.name):
                    properties |= declared.metadata
            type_ = _read_type(each.type)
            properties = {"choices": type_.choices} | properties
            settings[each.name] = Setting(each.name, each.default, type_, **properties)
    return settings


def _read_type(annotation: Any) -> ValueType:
    arguments = get_args(annotation)
    if get_origin(annotation) is Literal:
        return ValueType((str,), choices=arguments)
    if get_origin(annotation) is tuple:
        return ValueType(arguments[:1], is_list=True)
    kinds = tuple(each for each in arguments or (annotation,) if each is not NoneType)
    return ValueType(kinds)


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
    if value is None:  # not given
        return ""
    if setting.choices and value not in setting.choices:
        return list_choices(value, setting.choices)
    if setting.range is None:
        return ""
    low, high = setting.range
    if setting.exclusive:
        return "" if low < value < high else f"a number above {low:,} and below {high:,}"
    if low <= value <= high:
        return ""
    return f"at most {high:,}" if value > high else f"at least {low:,}"


def list_choices(value: Any, choices: Sequence[str]) -> str:
    """Return what to give in place of a value that is not a choice; a similar choice is named."""
    close = get_close_matches(str(value), choices, n=1)
    return f"one of {', '.join(choices)}" + "".join(f"; did you mean {each}?" for each in close)


def to_toml(value: Any) -> str:
    """Return a value as it stands in a TOML file, or the beginning of it."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"
