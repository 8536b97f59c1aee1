"""Provenance: the attributes of a results file, and whether two files are of one run."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ganinv_cli.clipping import RULES
from ganinv_cli.errors import ResultsError
from ganinv_cli.settings.config import (
    Config,
    ConsistencyConfig,
    InvertConfig,
    NoiseSweepConfig,
    RecoverConfig,
)
from ganinv_cli.settings.load import check_stored_settings, name_setting
from ganinv_cli.store.damage import DamagedError

SCHEMA_VERSION = 1  # increased if older versions of ganinv can no longer read the file
RUN_KEYS = ("command", "seed", "checkpoint_sha256", "identity")  # equal in every file of a run
IMAGE_KEYS = ("images", "images_sha256")  # of the config: how many, and the hash of their hashes
DEFAULTS = {  # of files without these settings
    "prior": "uniform:-1,1",
    "label": -1,
    "loss": "preconditioned",
}
_TYPES = {  # of the attributes; tables and lists are stored as JSON
    **dict.fromkeys(("schema", "seed"), int),
    **dict.fromkeys(("command", "checkpoint_sha256", "device", "precision"), str),
    **dict.fromkeys(("started", "finished", "git"), str),
    **dict.fromkeys(("config", "identity", "versions", "generator"), dict),
    **dict.fromkeys(("groups", "figures"), list),
}
_OPTIONAL = {"precision", "generator"}
_COMMANDS: Mapping[str, type[Config]] = {
    "recover": RecoverConfig,
    "noise-sweep": NoiseSweepConfig,
    "consistency": ConsistencyConfig,
    "invert": InvertConfig,
}
_CASE = r"image=\d{1,9}|(?!image=)[a-z]+=[A-Za-z0-9.+-]+"
_RULE = "|".join(map(re.escape, RULES))
_NAMES = {  # attribute -> the names that it may list; they name files, and stand in legends
    "groups": re.compile(rf"|({_RULE})|({_CASE})(/({_RULE}))?(/certificate)?", re.ASCII),
    "figures": re.compile(r"[A-Za-z0-9][A-Za-z0-9=.+-]{0,99}"),
}


@dataclass(frozen=True)
class Provenance:
    """The origin of results; every value can be written as JSON."""

    command: str  # such as "recover"
    config: Mapping[str, Any]  # every setting, resolved
    identity: Mapping[str, Any]  # the settings that decide the trials' results
    checkpoint_sha256: str
    versions: Mapping[str, str]  # package -> version
    device: str
    seed: int
    git: str  # revision, or "" outside a repository
    precision: str = "float32"  # of the gradients: float32 or mixed
    generator: Mapping[str, Any] | None = None  # how far it is known, see docs; None: not known

    def to_attributes(
        self, started: str, finished: str, groups: list[str], figures: list[str]
    ) -> dict[str, int | str]:
        """Return the attributes of "/" as they are stored."""
        about = {"schema": SCHEMA_VERSION, **vars(self), "started": started, "finished": finished}
        return encode_attributes(about | {"groups": groups, "figures": figures})


def make_run_key(provenance: Provenance) -> str:
    """Return a hash of what is equal in every file of a run, and of ganinv's version."""
    values = {name: getattr(provenance, name) for name in RUN_KEYS}
    values["version"] = provenance.versions.get("ganinv")
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def encode_attributes(values: Mapping[str, Any]) -> dict[str, int | str]:
    """Return the attributes of "/": numbers and text, other values as JSON."""
    return {
        name: json.dumps(value) if _TYPES[name] in (dict, list) else value
        for name, value in values.items()
        if value is not None
    }


def decode_attributes(path: Path, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of "/" of a file as Python values.

    Raises DamagedError if it has a newer schema; KeyError, ValueError or TypeError if an attribute
    is missing or not as ganinv writes it, ConfigError if the config is none of this ganinv.
    """
    if int(stored["schema"]) > SCHEMA_VERSION:
        raise DamagedError(
            f"{path} was written by a newer ganinv (schema {stored['schema']}, this one reads "
            f"{SCHEMA_VERSION}); update ganinv, or name another file"
        )
    values: dict[str, Any] = {}
    for name, kind in _TYPES.items():
        if name in stored or name not in _OPTIONAL:
            value = stored[name]
            value = value.decode() if isinstance(value, bytes) else value
            values[name] = int(value) if kind is int else value
            if kind in (dict, list):
                values[name] = json.loads(value)
            if not isinstance(values[name], kind):
                raise TypeError(f"attribute {name} is of another type")
    for name in ("started", *(["finished"] if values["finished"] else [])):
        datetime.fromisoformat(values[name])
    for name in _NAMES:
        check_names(name, values[name])
    settings = values["config"] | values["identity"]
    check_stored_settings(_COMMANDS.get(values["command"], Config), settings)
    for name in IMAGE_KEYS:  # earlier versions added no images to a file
        values["identity"].pop(name, None)
    return values


def check_names(attribute: str, names: Iterable[str]) -> None:
    """Raise ValueError if a name of a group or figure is none that ganinv gives."""
    for name in names:
        if not _NAMES[attribute].fullmatch(name):
            raise ValueError(f"attribute {attribute} has {name[:80]!r}, no name that ganinv gives")


def check_same_run(path: Path, provenance: Provenance, stored: Mapping[str, Any]) -> None:
    """Raise ResultsError if the stored attributes are of a run that this one cannot continue."""
    if stored["command"] != provenance.command:
        raise ResultsError(
            f"{path} holds results of `ganinv {stored['command']}`, not of `ganinv "
            f"{provenance.command}`; name another file with --out, or replace this one with "
            "--overwrite"
        )
    here = decode_attributes(path, provenance.to_attributes(now(), "", [], []))
    if differing := describe_differences(stored, here, "{} is {} in the file, and {} here"):
        raise ResultsError(
            f"{path} holds another run: {differing}. Name another file with --out, or replace this "
            "one with --overwrite"
        )


def describe_differences(there: Mapping[str, Any], here: Mapping[str, Any], clause: str) -> str:
    """Return a clause for each setting in which two runs differ, by their decoded attributes.

    `clause` has places for the setting and both values. Of another command or generator no
    more is said.
    """
    if there["command"] != here["command"]:
        return clause.format("the command", there["command"], here["command"])
    first, second = (
        {"seed": each["seed"], **DEFAULTS, **dict(_flatten(each["identity"]))}
        for each in (there, here)
    )
    hashes = [each["checkpoint_sha256"][:12] + "…" for each in (there, here)]
    if there["checkpoint_sha256"] != here["checkpoint_sha256"]:
        return clause.format("the SHA-256 of the generator", *hashes)
    return "; ".join(
        clause.format(
            name_setting(key.removesuffix("_sha256").replace("images", "image")),
            *(_format_value(each.get(key)) for each in (first, second)),
        )
        for key in dict.fromkeys((*first, *second))
        if first.get(key) != second.get(key)
    )


def now() -> str:
    """Return the time in ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the items of {"lbfgs": {"memory": 50}} as those of {"lbfgs.memory": 50}."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, value


def _format_value(value: Any) -> str:
    if value in ("", [], None):
        return "not set"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return value if isinstance(value, str) else json.dumps(value)
