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
    name_setting,
)
from ganinv_cli.settings.load import check_stored_settings

SCHEMA_VERSION = 1  # increased if older versions of ganinv can no longer read the file
RUN_KEYS = ("command", "seed", "checkpoint_sha256", "identity")  # equal in every file of a run
IMAGE_KEYS = ("images", "images_sha256")  # of the config: how many, and the hash of their hashes
DEFAULTS = {  # of files without these settings
    "prior": "uniform:-1,1",
    "label": -1,
    "loss": "preconditioned",
}
_TABLES = {"config", "identity", "versions", "generator"}  # attributes in JSON
_LISTS = {"groups", "figures"}
_WORDS = {"command", "checkpoint_sha256", "device", "precision", "started", "finished", "git"}
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


class DamagedError(ResultsError):
    """A results file is damaged, or of a newer ganinv."""


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
        """Return the attributes of "/": numbers and text, other values as JSON."""
        return {
            "schema": SCHEMA_VERSION,
            "command": self.command,
            "config": json.dumps(self.config),
            "identity": json.dumps(self.identity),
            "checkpoint_sha256": self.checkpoint_sha256,
            "versions": json.dumps(self.versions),
            "device": self.device,
            "precision": self.precision,
            "seed": self.seed,
            "started": started,
            "finished": finished,
            "git": self.git,
            **({} if self.generator is None else {"generator": json.dumps(self.generator)}),
            "groups": json.dumps(groups),
            "figures": json.dumps(figures),
        }


def make_run_key(provenance: Provenance) -> str:
    """Return a hash of what is equal in every file of a run, and of ganinv's version."""
    values = {name: getattr(provenance, name) for name in RUN_KEYS}
    values["version"] = provenance.versions.get("ganinv")
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def check_schema(path: Path, stored: Any) -> None:
    """Raise DamagedError if a file has a newer schema than this version of ganinv."""
    if int(stored) > SCHEMA_VERSION:
        raise DamagedError(
            f"{path} was written by a newer ganinv (schema {stored}, this one reads "
            f"{SCHEMA_VERSION}); update ganinv, or name another file"
        )


def decode_attributes(stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of "/" as Python values.

    Raises KeyError, ValueError or TypeError if one is missing or not as ganinv writes it,
    ConfigError if the config is none of this ganinv.
    """
    values: dict[str, Any] = {name: int(stored[name]) for name in ("schema", "seed")}
    for name in sorted(_WORDS | _TABLES | _LISTS):
        if name in stored or name not in _OPTIONAL:
            value = stored[name]
            values[name] = value.decode() if isinstance(value, bytes) else value
            if not isinstance(values[name], str):
                raise TypeError(f"attribute {name} is no text")
    for name in (_TABLES | _LISTS) & values.keys():
        values[name] = json.loads(values[name])
        if not isinstance(values[name], dict if name in _TABLES else list):
            raise TypeError(f"attribute {name} has another type")
    for name in ("started", *(["finished"] if values["finished"] else [])):
        datetime.fromisoformat(values[name])
    for name in _LISTS:
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
    here = decode_attributes(provenance.to_attributes(now(), "", [], []))
    if differing := list_differences(stored, here):
        words = [
            f"{name} is {there} in the file, and {value} here" for name, there, value in differing
        ]
        raise ResultsError(
            f"{path} holds another run: {'; '.join(words)}. Name another file with --out, or "
            "replace this one with --overwrite"
        )


def list_differences(
    there: Mapping[str, Any], here: Mapping[str, Any]
) -> list[tuple[str, str, str]]:
    """Return the settings in which two runs differ, and both values, as a user would type them.

    Of another generator, nothing else is listed. The attributes are decoded ones.
    """
    hashes = [each["checkpoint_sha256"] for each in (there, here)]
    if hashes[0] != hashes[1]:
        return [("the SHA-256 of the generator", f"{hashes[0][:12]}…", f"{hashes[1][:12]}…")]
    first, second = (
        {"seed": each["seed"], **DEFAULTS, **dict(_flatten(each["identity"]))}
        for each in (there, here)
    )
    return [
        (_name_value(key), _format_value(key, first.get(key)), _format_value(key, second.get(key)))
        for key in dict.fromkeys((*first, *second))
        if first.get(key) != second.get(key)
    ]


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


def _name_value(key: str) -> str:
    derived = key in IMAGE_KEYS or key.endswith("_sha256")
    return key if derived else name_setting(key)


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
