"""Find the checkpoint and config of a run: the user's own files, or those shipped with ganinv."""

from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from ganinv_cli.errors import CheckpointError, ConfigError, refuse_address

ResourceKind = Literal["checkpoint", "config"]

LIKENESS = 0.75  # of two names, from 0 to 1, at which one is suggested for the other
MAX_NAMES = 3  # of other files in a suggestion

_GENERATORS = {  # sha256 of their layers and weights, as `ganinv train` trained them
    "fc9e02b211852a4999c5e12ac452fa880ab35b47fd12ddfdaa5a69896863a10c",  # portraits64
    "5ec455ff4fdc02d980cfa016f5d2b5a6503644461ba995cef41eeaf2cd262049",  # faces16
    "ec4df54d7cad01a8132304a03b4b33ce6744426074994255f1da00df6a959370",  # faces32
    "d806946a29e277fae9ce5e1507ade016fddda319f4a2903772b0f790bb00f047",  # faces32-early
}

_PACKAGE = Path(__file__).resolve().parents[1]
_FOLDERS: dict[ResourceKind, str] = {"checkpoint": "checkpoints", "config": "configs"}
_LEAVE_OUT = "its settings are the defaults: leave --config out"
_RELEASED_CONFIGS = {  # that shipped once
    **dict.fromkeys(("consistency", "invert", "noise-sweep", "recover"), _LEAVE_OUT),
    "quick": "type --trials 50 in place of --config quick",
}


def find(kind: ResourceKind, name: str | Path) -> Path:
    """Return the path of a file: from the current folder, or else of a shipped one.

    `configs/paper-hour.toml`, `paper-hour.toml` and `paper-hour` name the same shipped config; a
    checkpoint may also be the prefix of its files (`portraits64/DCGAN.model-9000`). Raises
    CheckpointError or ConfigError if neither exists.
    """
    refuse_address(str(name))
    typed = Path(name)
    found = [path for path in (typed, *_shipped_paths(kind, typed)) if _exists(kind, path)]
    if len(found) > 1 and not _may_hold_generator(typed):
        return found[1]
    if found:
        return found[0]
    error = CheckpointError if kind == "checkpoint" else ConfigError
    raise error(f"{name}: no such {kind} in {Path.cwd()}; {_suggest_name(kind, typed)}")


def _suggest_name(kind: ResourceKind, typed: Path) -> str:
    if kind == "config" and typed.stem in _RELEASED_CONFIGS:
        return _RELEASED_CONFIGS[typed.stem]
    shipped, beside = list_shipped(kind), sorted(typed.parent.glob("*"))
    names = {each.name: str(each) for each in beside} | {name: name for name in shipped}
    for name in (typed.name, typed.stem):
        if close := get_close_matches(name, names, cutoff=LIKENESS):
            return f"did you mean {names[close[0]]}?"
    alike = [str(each) for each in beside if typed.suffix and each.suffix == typed.suffix]
    files = f", e.g. {' or '.join(alike[:MAX_NAMES])}" if alike else ""
    known = ", ".join(shipped) or "none here"
    return f"give a path{files}, or the name of a {kind} that ships: {known}"


def shorten_name(checkpoint: str) -> str:
    """Return a checkpoint as one types it: without its folder if it ships."""
    short = checkpoint.removeprefix(f"{_FOLDERS['checkpoint']}/")
    return short if short in list_shipped("checkpoint") else checkpoint


def shorten_path(path: str) -> str:
    """Return the path of a checkpoint from the folder of those that ship, if it is one of these."""
    folder = find_folder("checkpoint")
    return str(Path(path).relative_to(folder)) if Path(path).is_relative_to(folder) else path


def list_shipped(kind: ResourceKind) -> list[str]:
    """Return the names of the shipped checkpoints or configs, sorted."""
    if kind == "config":
        return sorted(path.stem for path in find_folder(kind).glob("*.toml"))
    return sorted(path.name for path in find_folder(kind).glob("*") if path.is_dir())


def is_shipped(sha256: str) -> bool:
    """Return whether this is a shipped generator, of which nothing is assumed, wherever it is."""
    return sha256 in _GENERATORS


def _exists(kind: ResourceKind, path: Path) -> bool:
    """Return whether a path exists; a folder `recover/` does not hide the config `recover`."""
    if kind == "config":
        return path.exists() and not path.is_dir()
    return path.exists() or path.with_name(f"{path.name}.index").exists()


def _may_hold_generator(path: Path) -> bool:
    """Return whether it is not a folder of other things, e.g. the tables of `--out faces16.h5`."""
    marks = ("checkpoint", "*.index", "*.pb")
    return not path.is_dir() or any(next(path.glob(mark), None) for mark in marks)


def _shipped_paths(kind: ResourceKind, typed: Path) -> Iterator[Path]:
    parts = typed.parts[1:] if typed.parts[:1] == (_FOLDERS[kind],) else typed.parts
    if not parts or typed.is_absolute() or ".." in parts:
        return
    path = find_folder(kind).joinpath(*parts)
    yield path
    if kind == "config":
        yield path.with_name(f"{path.name}.toml")


def find_folder(kind: ResourceKind) -> Path:
    """Return the folder of shipped files: in the package in a wheel, beside it in a checkout."""
    inside = _PACKAGE / "shipped"
    return (inside if inside.is_dir() else _PACKAGE.parent) / _FOLDERS[kind]
