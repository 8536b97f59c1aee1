"""Provenance: the attributes of a results file, and whether two files are of one run."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ganinv_cli.errors import ResultsError
from ganinv_cli.store import checksums, schema
from ganinv_cli.store.differences import RUN_KEYS, list_differences

IMAGE_KEYS = ("images", "images_sha256")  # of the config: how many, and the hash of their hashes
_JSON_KEYS = ("config", "identity", "versions", "groups", "figures", "generator")


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
            "schema": schema.SCHEMA_VERSION,
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


def decode_attributes(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes as Python values."""
    values: dict[str, Any] = {
        name: value if isinstance(value, str) else int(value)
        for name, value in attributes.items()
        if name != checksums.ATTRIBUTE
    }
    values |= {name: json.loads(str(values[name])) for name in _JSON_KEYS if name in values}
    for name in IMAGE_KEYS:  # earlier versions added no images to a file
        values.get("identity", {}).pop(name, None)
    return values


def check_same_run(path: Path, provenance: Provenance, stored: Mapping[str, Any] | None) -> None:
    """Raise ResultsError if the stored attributes are of a run that this one cannot continue."""
    if stored is None:
        return
    here = decode_attributes(provenance.to_attributes("", "", [], []))
    if stored["command"] != provenance.command:
        raise ResultsError(
            f"{path} holds results of `ganinv {stored['command']}`, not of `ganinv "
            f"{provenance.command}`; name another file with --out, or replace this one with "
            "--overwrite"
        )
    if differing := list_differences(stored, here):
        words = [
            f"{each.name} is {each.there} in the file, and {each.here} here" for each in differing
        ]
        raise ResultsError(
            f"{path} holds another run: {'; '.join(words)}. Name another file with --out, or "
            f"replace this one with --overwrite{_explain_hash(stored, here)}"
        )


def _explain_hash(there: Mapping[str, Any], here: Mapping[str, Any]) -> str:
    """Say why the hash of a SavedModel, or of a frozen graph, differs from an earlier ganinv's."""
    checkpoint = Path(str(here["config"].get("checkpoint", "")))
    is_graph = checkpoint.suffix == ".pb" or (checkpoint / "saved_model.pb").is_file()
    if there["checkpoint_sha256"] == here["checkpoint_sha256"] or not is_graph:
        return ""
    return (
        ". ganinv now runs SavedModels as TensorFlow operations, so the same file has another "
        "sha256 than in earlier versions; an earlier version can continue its own results"
    )


def check_beside(first: Mapping[str, Any], other: Mapping[str, Any], path: Path) -> None:
    """Raise ResultsError if the file `path`, with attributes `other`, is of another run.

    `first` are the decoded attributes of the files beside it.
    """
    if any(first[name] != other[name] for name in RUN_KEYS):
        raise ResultsError(f"{path} is of another run than the files beside it; move it away")


def now() -> str:
    """Return the time in ISO 8601, UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
