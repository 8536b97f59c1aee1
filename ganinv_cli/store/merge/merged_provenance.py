"""The provenance of a merged file, from the provenance of the files that it is made of."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganinv_cli.errors import ResultsError
from ganinv_cli.files.hdf5 import read_attributes
from ganinv_cli.files.write import has_content
from ganinv_cli.store import contents, files, provenance
from ganinv_cli.store.catalogue import Catalogue
from ganinv_cli.store.contents import Figure
from ganinv_cli.store.differences import list_differences
from ganinv_cli.store.provenance import Provenance

_DEVICE_SEPARATOR = "; "


class MergedProvenance:
    """The attributes and figures of the files that were added."""

    def __init__(self) -> None:
        self._first: tuple[Path, dict[str, Any]] | None = None
        self.largest: dict[str, Any] = {}  # attributes of the file with the most requested trials
        self._start_times: list[str] = []
        self._finish_times: list[str] = []
        self._values: dict[str, dict[str, list[Path]]] = {}  # name -> value -> files
        self._generator: dict[str, Any] | None = None  # of the last file that has it
        self._figures: dict[str, tuple[tuple[int, ...], Path]] = {}

    def add(self, path: Path, catalogue: Catalogue, parts_remain: bool) -> None:
        """Add a file; `parts_remain` says that some of its trials are in parts alone.

        Raises ResultsError if it is of another run than the first file.
        """
        oldest, newest = _read_attributes(path, catalogue, parts_remain)
        if self._first is None:
            self._first = path, newest
        _check_same_run(path, newest, *self._first)
        if not self.largest or get_requested_trials(newest) > get_requested_trials(self.largest):
            self.largest = newest
        self._start_times.append(oldest["started"])
        self._finish_times.append(newest["finished"])
        self._generator = newest.get("generator", self._generator)
        self._record_values(path, newest)
        for name in oldest["figures"]:
            self._record_figure(path, name)

    def to_attributes(self, groups: list[str], figures: list[str]) -> dict[str, int | str]:
        """Return the attributes of the merged file; it counts as finished at the latest now."""
        most = self.largest
        devices = (one for said in self._values["device"] for one in said.split(_DEVICE_SEPARATOR))
        mixed = "mixed" in self._values["precision"]
        made_by = Provenance(
            command=most["command"],
            config=most["config"] | ({"shard": ""} if "shard" in most["config"] else {}),
            identity=most["identity"],
            checkpoint_sha256=most["checkpoint_sha256"],
            versions=most["versions"],
            device=_DEVICE_SEPARATOR.join(dict.fromkeys(devices)),
            seed=most["seed"],
            git=most["git"],
            precision="mixed" if mixed else "float32",
            generator=self._generator,
        )
        finished = max(self._finish_times) if all(self._finish_times) else provenance.now()
        return made_by.to_attributes(min(self._start_times), finished, groups, figures)

    def match(self, catalogue: Catalogue) -> bool:
        """Return whether a merged file with this catalogue has these attributes."""
        names = [*catalogue.groups], [*self._figures]
        here = provenance.decode_attributes(self.to_attributes(*names))
        return {**here, "finished": ""} == {**(catalogue.attributes or {}), "finished": ""}

    def read_figures(self) -> dict[str, Figure]:
        """Return the figures by name; of several, the one with the lowest trials."""
        loaded = {}
        for name, (_, path) in self._figures.items():
            with files.reopen_results(path) as file:
                loaded[name] = contents.read_figure(file[name])
        return loaded

    def describe_differences(self) -> list[str]:
        """Return a sentence for each package, or revision, that differs between the files."""
        told = {
            what: by for what, by in self._values.items() if what not in ("device", "precision")
        }
        return [
            f"{what} is "
            f"{', '.join(f'{value} in {_format_paths(who)}' for value, who in by.items())}"
            for what, by in told.items()
            if len(by) > 1
        ]

    def _record_values(self, path: Path, attributes: Mapping[str, Any]) -> None:
        said = {
            **attributes["versions"],
            "git": attributes["git"] or "not known",
            "device": attributes["device"],
            "precision": attributes.get("precision", "float32"),
        }
        for what, value in said.items():
            self._values.setdefault(what, {}).setdefault(str(value), []).append(path)

    def _record_figure(self, path: Path, name: str) -> None:
        with files.reopen_results(path) as file:
            trials = tuple(int(trial) for trial in file[name].attrs["trials"])
        if name not in self._figures or trials < self._figures[name][0]:
            self._figures[name] = trials, path


def get_requested_trials(attributes: Mapping[str, Any]) -> int:
    """Return how many trials a file's command asked for."""
    return int(attributes["config"].get("trials", 0))


def _read_attributes(
    path: Path, catalogue: Catalogue, more: bool
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the attributes of the first file committed at `path`, and of the last one."""
    whole = has_content(path) and not more
    with files.reopen_results(catalogue.files[0 if whole else -1].path) as file:
        newest = provenance.decode_attributes(read_attributes(file))
    return catalogue.attributes or newest, newest


def _check_same_run(
    path: Path, other: Mapping[str, Any], first: Path, here: Mapping[str, Any]
) -> None:
    if other["command"] != here["command"]:
        raise ResultsError(
            f"{path} holds results of `ganinv {other['command']}`, and {first} of "
            f"{here['command']}; name files of one run"
        )
    if differing := list_differences(_compare_images(other), _compare_images(here)):
        words = [f"{each.name} is {each.there} and not {each.here}" for each in differing]
        raise ResultsError(
            f"{path} is of another run than {first}: {'; '.join(words)}; name files of one run"
        )


def _compare_images(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the attributes with the images in `identity`: these files number them alike."""
    config = attributes["config"]
    images = {name: config[name] for name in provenance.IMAGE_KEYS if name in config}
    return {**attributes, "identity": attributes["identity"] | images}


def _format_paths(paths: list[Path]) -> str:
    more = f" and {len(paths) - 1:,} more" if len(paths) > 1 else ""
    return f"{paths[0]}{more}"
