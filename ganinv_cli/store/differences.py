"""The differences between two runs, as the settings that a user would change."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ganinv_cli.settings.conventions import DECLARATIONS, Conventions
from ganinv_cli.settings.load import name_setting

RUN_KEYS = ("command", "seed", "checkpoint_sha256", "identity")  # equal in every file of a run
DEFAULTS = {
    "prior": "uniform:-1,1",
    "label": -1,
    "loss": "preconditioned",
}  # of files without these settings
_CONVENTIONS = tuple(
    name for name, each in DECLARATIONS.items() if each.in_files and each.resume == "free"
)
_CAUSES = {  # a value that follows from others -> these
    "checkpoint_sha256": ("checkpoint", *_CONVENTIONS),
    "prior": ("checkpoint_sha256",),
    "encoder_sha256": ("checkpoint_sha256", "start"),
    "images": ("checkpoint_sha256", "image", "crop"),
    "images_sha256": ("checkpoint_sha256", "image", "crop"),
    "mask_sha256": ("checkpoint_sha256", "mask", "crop"),
    "polish": ("checkpoint_sha256", "batch_norm"),
}
_SOLVER_CAUSES = ("solver", "checkpoint_sha256")  # of a solver's settings: some are measured
_TITLES = {  # of values that are not settings
    "checkpoint_sha256": "the sha256 of the generator",
    "encoder_sha256": "the sha256 of the encoder",
    "images": "the number of images",
    "images_sha256": "the sha256 of the images",
    "mask_sha256": "the sha256 of the mask",
}
_MISSING = object()


@dataclass(frozen=True)
class Difference:
    """A setting in which two runs differ; its values are as a user would type them."""

    name: str  # such as --seed
    there: str
    here: str


def list_differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[Difference]:
    """Return the settings in which two runs differ, by the decoded attributes of their files.

    A value that follows from settings, such as a hash, is listed only if none of these differs.
    """
    first, second = _list_values(there), _list_values(here)
    keys = dict.fromkeys((*_comparable_settings(there), *_comparable_settings(here)))
    differing = {
        key: None
        for key in dict.fromkeys((*first, *second))
        if first.get(key, _MISSING) != second.get(key, _MISSING)
    }
    if "checkpoint" in differing:  # of another generator: conventions that are given here
        for name in _CONVENTIONS:
            if second.get(name, "") in (getattr(Conventions, name), []):
                differing.pop(name, None)
    explained = dict.fromkeys(
        cause for key in keys if key in differing for cause in _explain(key, differing)
    )
    return [
        Difference(
            _TITLES.get(key) or name_setting(key),
            _format_value(key, first.get(key)),
            _format_value(key, second.get(key)),
        )
        for key in explained
    ]


def _explain(key: str, differing: Mapping[str, None]) -> Iterator[str]:
    """Yield the settings that a differing value follows from, or the value itself if none does."""
    causes = _SOLVER_CAUSES if "." in key else _CAUSES.get(key, ())
    found = [cause for cause in causes if cause in differing]
    for cause in found:
        yield from _explain(cause, differing)
    if not found:
        yield key


def _list_values(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values that decide the results, and those that explain them."""
    causes = {cause for causes in _CAUSES.values() for cause in causes}
    config = {key: value for key, value in attributes["config"].items() if key in causes}
    return config | _comparable_settings(attributes)


def _comparable_settings(attributes: Mapping[str, Any]) -> dict[str, Any]:
    rest = {name: attributes[name] for name in RUN_KEYS if name != "identity"}
    return rest | DEFAULTS | _flatten(attributes["identity"])


def _flatten(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return {"lbfgs": {"memory": 50}} as {"lbfgs.memory": 50}."""
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        flat |= (
            _flatten(value, f"{prefix}{key}.")
            if isinstance(value, dict)
            else {f"{prefix}{key}": value}
        )
    return flat


def _format_value(key: str, value: Any) -> str:
    if value in ("", [], None):
        return "not set"
    if key == "label" and value == -1:
        return "each in turn"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return str(value) if isinstance(value, str) else json.dumps(value)
