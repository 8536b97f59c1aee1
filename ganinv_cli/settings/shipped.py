"""What a run finds: its checkpoint and config, the user's own or shipped ones, and the machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from ganinv_cli.errors import CheckpointError, ConfigError

ResourceKind = Literal["checkpoint", "config"]


_PACKAGE = Path(__file__).resolve().parents[1]
_FOLDERS: dict[ResourceKind, str] = {"checkpoint": "checkpoints", "config": "configs"}


def find(kind: ResourceKind, name: str | Path) -> Path:
    """What the user typed, as a path from the current folder or as the name of a shipped one.

    The user's own comes first. `configs/quick.toml`, `quick.toml` and `quick` name the same shipped
    config; a checkpoint may also be the prefix of its files (`portraits64/DCGAN.model-9000`).
    Raises CheckpointError or ConfigError when there is no such thing.
    """
    typed = Path(name)
    for path in (typed, *_shipped_paths(kind, typed)):
        if _exists(kind, path):
            return path
    error = CheckpointError if kind == "checkpoint" else ConfigError
    raise error(
        f"{name}: no such {kind} in {Path.cwd()}, and none of that name ships with ganinv; "
        f"give a path, or one that ships: {', '.join(list_shipped(kind)) or 'none here'}"
    )


def list_shipped(kind: ResourceKind) -> list[str]:
    """The names of what ships, sorted."""
    if kind == "config":
        return sorted(path.stem for path in _folder(kind).glob("*.toml"))
    return sorted(path.name for path in _folder(kind).glob("*") if path.is_dir())


def _exists(kind: ResourceKind, path: Path) -> bool:
    """A config is a file: a folder `recover/` does not hide the shipped config `recover`."""
    if kind == "config":
        return path.is_file()
    return path.exists() or path.with_name(f"{path.name}.index").is_file()


def _shipped_paths(kind: ResourceKind, typed: Path) -> Iterator[Path]:
    parts = typed.parts[1:] if typed.parts[:1] == (_FOLDERS[kind],) else typed.parts
    if not parts or typed.is_absolute() or ".." in parts:
        return
    path = _folder(kind).joinpath(*parts)
    yield path
    if kind == "config":
        yield path.with_name(f"{path.name}.toml")


def _folder(kind: ResourceKind) -> Path:
    """In a wheel `shipped/` stands in the package; in a checkout both folders stand beside it."""
    inside = _PACKAGE / "shipped"
    return (inside if inside.is_dir() else _PACKAGE.parent) / _FOLDERS[kind]
