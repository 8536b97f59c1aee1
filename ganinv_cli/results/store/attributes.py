"""Provenance: the attributes of a results file, and whether two files are of one run."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ganinv_cli.results.store.damage import DamagedError
from ganinv_cli.settings.load import name_setting
from ganinv_cli.settings.shipped import shorten_name

SCHEMA_VERSION = 4  # of the files that this version writes
SAME_BUT_FOR_INVERT = 3  # the one before, in which only files of `invert` have other columns
IMAGE_KEYS = ("images", "images_sha256")  # of the config: how many, and the hash of their hashes
NOT_SET = "not set"  # of a setting in an error
UNTYPED = (NOT_SET, "True", "False")  # values that are not typed after an option
_NAME = re.compile(r"([A-Za-z0-9][A-Za-z0-9=.+-]{0,99}/?){0,3}")  # of groups, figures and files
_JSON = (
    "config",
    "identity",
    "versions",
    "latent_shape",
    "generator",
    "groups",
    "figures",
)  # as text in HDF5


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
    precision: str = "float32"  # of the gradients, see `Precision`
    latent_shape: Sequence[int] | None = None  # of the generator's z; None: it is a vector
    generator: Mapping[str, Any] | None = None  # how far it is known, see docs; None: not known
    inputs_sha256: str = ""  # of settings and files, by which a finished run is known; "": it isn't

    def to_attributes(self, started: str, finished: str = "") -> dict[str, Any]:
        """Return the attributes of "/" of a file without groups and figures, as Python values."""
        about = {"started": started, "finished": finished, "groups": [], "figures": []}
        return {"schema": SCHEMA_VERSION, **vars(self), **about}


def encode_attributes(values: Mapping[str, Any]) -> dict[str, int | str]:
    """Return the attributes of "/" as HDF5 has them: numbers and text, other values as JSON."""
    known = {name: value for name, value in values.items() if value is not None}
    return {name: json.dumps(value) if name in _JSON else value for name, value in known.items()}


def decode_attributes(path: Path, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes of "/" of an HDF5 file as Python values.

    Raises DamagedError if it has another schema, KeyError or ValueError if it is not as it should.
    """
    check_schema(path, stored)
    values = {name: json.loads(v) if name in _JSON else v for name, v in stored.items()}
    for name in values["groups"] + values["figures"]:
        if not _NAME.fullmatch(name):  # `report` names files like figures
            raise ValueError(f"{name[:80]!r} is not a name of a group or figure")
    return values


def check_schema(path: Path, attributes: Mapping[str, Any]) -> None:
    """Raise DamagedError if a file is of a version whose files this one does not read."""
    schema = attributes["schema"]
    is_same = schema == SAME_BUT_FOR_INVERT and attributes["command"] != "invert"
    if is_same or schema == SCHEMA_VERSION:
        return
    writer, advice = "a newer", "update ganinv"
    if schema < SCHEMA_VERSION:
        revision = f", git {attributes['git']}" if attributes.get("git") else ""
        writer, advice = "an earlier", f"read it with the version that wrote it{revision}"
    raise DamagedError(
        f"{path} was written by {writer} ganinv (schema {schema}, this one reads "
        f"{SCHEMA_VERSION}); {advice}, or name another file"
    )


def find_differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the settings in which two runs differ, with both values as text.

    The runs are given by their attributes. Of another command or generator no more is said.
    """
    if there["command"] != here["command"]:
        return {"the command": [str(each["command"]) for each in (there, here)]}
    if there["checkpoint_sha256"] != here["checkpoint_sha256"]:
        names = [shorten_name(each["config"].get("checkpoint", "")) for each in (there, here)]
        if len({*names, ""}) > 2:
            return {"--checkpoint": names}
        return {"the generator": [each["checkpoint_sha256"][:12] for each in (there, here)]}
    first, second = (
        {"seed": each["seed"], **dict(_flatten(each["identity"]))} for each in (there, here)
    )
    keys = [key for key in first | second if first.get(key) != second.get(key)]
    return {
        name_setting(key): [_format_value(each.get(key)) for each in (first, second)]
        for key in keys
        if "solver" not in keys or "." not in key  # each solver has a table of its own
    }


def now() -> str:
    """Return the time in ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _flatten(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the items of {"lbfgs": {"memory": 50}} as those of {"lbfgs.memory": 50}."""
    for key, value in settings.items():
        if isinstance(value, dict):
            yield from _flatten(value, f"{prefix}{key}.")
        else:
            yield prefix + key, list(value) if isinstance(value, tuple) else value


def _format_value(value: Any) -> str:
    text = ",".join(map(str, value)) if isinstance(value, list) else f"{value}"
    return text if value not in ("", [], None) else NOT_SET
