"""Where the trials of several results files of one run come from, and what is kept of it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganinv_cli.errors import ResultsError
from ganinv_cli.store import figure as figure_
from ganinv_cli.store import files, provenance
from ganinv_cli.store.catalogue import Catalogue
from ganinv_cli.store.figure import Figure
from ganinv_cli.store.provenance import Provenance

_BETWEEN = "; "  # devices


class Origins:
    """The attributes and figures of the files that were added."""

    def __init__(self) -> None:
        self._first: tuple[Path, dict[str, Any]] | None = None
        self._most: dict[str, Any] = {}  # attributes of the file that was asked for most trials
        self._started: list[str] = []
        self._finished: list[str] = []
        self._said: dict[str, dict[str, list[Path]]] = {}  # what -> each value, and who says so
        self._figures: dict[str, tuple[tuple[int, ...], Path]] = {}

    def add(self, path: Path, catalogue: Catalogue, more: bool) -> None:
        """What made a file; `more`: some of its trials are in its parts alone.

        Raises ResultsError where it is of another run than the first.
        """
        oldest, newest = _attributes(path, catalogue, more)
        if self._first is None:
            self._first = path, newest
        _refuse_another_run(path, newest, *self._first)
        if not self._most or _trials(newest) > _trials(self._most):
            self._most = newest
        self._started.append(oldest["started"])
        self._finished.append(newest["finished"])
        self._note(path, newest)
        for name in oldest["figures"]:
            self._draw(path, name)

    @property
    def identity(self) -> Mapping[str, Any]:
        """The settings that decide the trials' results."""
        identity: Mapping[str, Any] = self._most["identity"]
        return identity

    @property
    def trials(self) -> int:
        """So many were asked for."""
        return _trials(self._most)

    def attributes(self, groups: list[str], figures: list[str]) -> dict[str, int | str]:
        """Those of the file that holds all; what was not finished is with it."""
        most = self._most
        devices = (one for said in self._said["device"] for one in said.split(_BETWEEN))
        mixed = "mixed" in self._said["precision"]
        made_by = Provenance(
            command=most["command"],
            config=most["config"] | ({"shard": ""} if "shard" in most["config"] else {}),
            identity=most["identity"],
            checkpoint_sha256=most["checkpoint_sha256"],
            versions=most["versions"],
            device=_BETWEEN.join(dict.fromkeys(devices)),
            seed=most["seed"],
            git=most["git"],
            precision="mixed" if mixed else "float32",
        )
        finished = max(self._finished) if all(self._finished) else provenance.now()
        return made_by.attributes(min(self._started), finished, groups, figures)

    def figures(self) -> dict[str, Figure]:
        """Of each name the one with the first trials."""
        loaded = {}
        for name, (_, path) in self._figures.items():
            with files.opened(path) as file:
                loaded[name] = figure_.load(file[name])
        return loaded

    def notes(self) -> list[str]:
        """A sentence on each package, and the revision, that is not the same everywhere."""
        told = {what: by for what, by in self._said.items() if what not in ("device", "precision")}
        return [
            f"{what} is {', '.join(f'{value} in {_named(who)}' for value, who in by.items())}"
            for what, by in told.items()
            if len(by) > 1
        ]

    def _note(self, path: Path, attributes: Mapping[str, Any]) -> None:
        said = {
            **attributes["versions"],
            "git": attributes["git"] or "not known",
            "device": attributes["device"],
            "precision": attributes.get("precision", "float32"),
        }
        for what, value in said.items():
            self._said.setdefault(what, {}).setdefault(str(value), []).append(path)

    def _draw(self, path: Path, name: str) -> None:
        with files.opened(path) as file:
            trials = tuple(int(trial) for trial in file[name].attrs["trials"])
        if name not in self._figures or trials < self._figures[name][0]:
            self._figures[name] = trials, path


def _trials(attributes: Mapping[str, Any]) -> int:
    return int(attributes["config"].get("trials", 0))


def _attributes(
    path: Path, catalogue: Catalogue, more: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Of the first file that is committed at `path`, and of that which the last trials are from."""
    whole = path.exists() and not more
    with files.opened(catalogue.stored[0 if whole else -1].path) as file:
        newest = provenance.decoded(file.attrs)
    return catalogue.attributes or newest, newest


def _refuse_another_run(
    path: Path, there: Mapping[str, Any], first: Path, here: Mapping[str, Any]
) -> None:
    if there["command"] != here["command"]:
        raise ResultsError(
            f"{path} holds results of `ganinv {there['command']}`, and {first} of "
            f"{here['command']}; name files of one run"
        )
    if differing := provenance.differences(there, here):
        raise ResultsError(
            f"{path} is of another run than {first}: "
            f"{'; '.join(f'{key} is {a} and not {b}' for key, a, b in differing)}; "
            "name files of one run"
        )


def _named(paths: list[Path]) -> str:
    more = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
    return f"{paths[0]}{more}"
