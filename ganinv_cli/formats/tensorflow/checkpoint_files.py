"""The files of a TensorFlow checkpoint: found from a path without reading a tensor, and written."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ganinv_cli.errors import CheckpointError
from ganinv_cli.files import replace_file

STATE_FILE = "checkpoint"  # the file that names a folder's newest checkpoint
MAX_STATE_BYTES = 1 << 20
TABLE_MAGIC = bytes.fromhex("57fb808b247547db")  # the last bytes of a V1 file, and of an .index

_PART = re.compile(r"(?P<prefix>.+)\.(?:index|meta|data-[0-9]{5}-of-[0-9]{5})", re.DOTALL)
_SHARD = re.compile(r"\.data-[0-9]{5}-of-(?P<count>[0-9]{5})")
_STEP = re.compile(r"(?P<stem>.*)-(?P<step>[0-9]{1,18})", re.DOTALL)
_NEWEST = re.compile(r'^\s*model_checkpoint_path\s*:\s*"((?:[^"\\\n]|\\.)+)"', re.MULTILINE)


class CheckpointFiles(NamedTuple):
    """A checkpoint on disk."""

    prefix: Path  # a V1 file, or the common start of a V2 checkpoint's files
    version: str  # "V1" or "V2"


def find_checkpoint(path: Path) -> CheckpointFiles:
    """Return the checkpoint of a folder, a prefix, a state file or one of its files.

    For a folder, it is the checkpoint named in the state file. It is searched beside the state file
    first, because the state file of a moved folder has the old path. Without a state file it is the
    only checkpoint, or the one with the highest step if all have the same name before `-STEP`.
    Raises CheckpointError.
    """
    if _index_path(path).exists() or _is_v1(path):
        return _require_all_files(path)
    if path.is_dir():
        return _find_in_folder(path)
    part = _PART.fullmatch(path.name)
    if part:
        return _require_all_files(path.with_name(part["prefix"]))
    if path.name == STATE_FILE and path.exists():
        return _follow_state_file(path)
    return _require_all_files(path)


def write_checkpoint(prefix: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write a V2 checkpoint (`.index` and `.data-00000-of-00001`) and the folder's state file."""
    import tensorflow as tf  # in the body: finding a checkpoint does not need it

    prefix.parent.mkdir(parents=True, exist_ok=True)
    names = sorted(arrays)
    tf.raw_ops.SaveV2(
        prefix=str(prefix),
        tensor_names=names,
        shape_and_slices=[""] * len(names),
        tensors=[tf.convert_to_tensor(arrays[name]) for name in names],
    )
    name = prefix.name.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    state = f'model_checkpoint_path: "{name}"\nall_model_checkpoint_paths: "{name}"\n'
    # last: a run that is killed before this keeps the previous checkpoint
    replace_file(prefix.with_name(STATE_FILE), state.encode())


def _require_all_files(prefix: Path) -> CheckpointFiles:
    """Return the checkpoint; CheckpointError names a file that is missing."""
    if _index_path(prefix).exists():
        shards = _list_shards(prefix)
        count = max(shards.values(), default=1)
        for number in range(count):
            name = f"{prefix.name}.data-{number:05d}-of-{count:05d}"
            if name not in shards:
                raise CheckpointError(
                    f"{_index_path(prefix)} is there but {name} is not: the index holds names and "
                    "shapes, the weights are in the missing file; copy it to the same folder"
                )
        return CheckpointFiles(prefix, "V2")
    if _is_v1(prefix):
        return CheckpointFiles(prefix, "V1")
    raise CheckpointError(_explain_missing(prefix))


def _explain_missing(prefix: Path) -> str:
    if prefix.is_file():
        return (
            f"{prefix} is in no format that ganinv reads, and there is no {prefix.name}.index "
            "beside it; give the generator's file, e.g. netG.pth"
        )
    if _list_shards(prefix):
        return (
            f"{prefix.name}.index is missing beside {prefix}.data-…; a V2 checkpoint needs both, "
            "copy the index to the same folder"
        )
    meta = prefix.with_name(f"{prefix.name}.meta")
    if meta.is_file():
        return (
            f"{meta} holds the graph only, no weights; {prefix.name}.index and "
            f"{prefix.name}.data-00000-of-00001, or the V1 file {prefix.name}, must be beside it"
        )
    return (
        f"{prefix} does not exist, nor does {prefix.name}.index; name a folder with a checkpoint, "
        "or a prefix such as checkpoint/DCGAN.model-60502"
    )


def _find_in_folder(folder: Path) -> CheckpointFiles:
    state = folder / STATE_FILE
    if state.exists() and not _is_v1(state):
        return _follow_state_file(state)
    prefixes = _list_prefixes(folder)
    if not prefixes:
        raise CheckpointError(_explain_empty_folder(folder))
    if len(prefixes) == 1:
        return _require_all_files(prefixes[0])
    steps = [_STEP.fullmatch(prefix.name) for prefix in prefixes]
    if len({step["stem"] if step else None for step in steps}) > 1 or not all(steps):
        names = ", ".join(prefix.name for prefix in prefixes[:5])
        raise CheckpointError(
            f"{folder} holds {len(prefixes)} checkpoints ({names}) and no file {STATE_FILE!r} that "
            f"says which is meant; name one, such as {prefixes[0]}"
        )
    return _require_all_files(max(prefixes, key=_parse_step))


def _follow_state_file(state: Path) -> CheckpointFiles:
    with state.open("rb") as file:
        text = file.read(MAX_STATE_BYTES).decode("utf-8", "replace")
    newest = _NEWEST.search(text)
    if not newest:
        raise CheckpointError(
            f"{state} does not name a checkpoint (expected a line model_checkpoint_path: …); "
            f"name the checkpoint itself, such as {state.parent / 'DCGAN.model-60502'}"
        )
    named_path = Path(_unescape(newest[1]))
    local_prefix = state.parent / named_path.name
    for prefix in (local_prefix, state.parent / named_path):
        if named_path.name and (_index_path(prefix).exists() or _is_v1(prefix)):
            return _require_all_files(prefix)
    others = [prefix.name for prefix in _list_prefixes(state.parent)]
    advice = (
        f"name one that is there: {', '.join(others[:5])}"
        if others
        else _explain_missing(local_prefix)
    )
    raise CheckpointError(f"{state} names {str(named_path)!r}, which is not there; {advice}")


def _explain_empty_folder(folder: Path) -> str:
    for path in sorted(folder.iterdir()):
        part = _PART.fullmatch(path.name)
        if part:
            return _explain_missing(folder / part["prefix"])
    below = [
        child for child in sorted(folder.iterdir()) if child.is_dir() and _list_prefixes(child)
    ]
    if below:
        return f"{folder} holds no generator; give the folder inside it that does: {below[0]}"
    return (
        f"{folder} is a folder without a generator; give the generator's file, e.g. netG.pth, or a "
        "folder with a TensorFlow checkpoint (NAME.index and NAME.data-…)"
    )


def _list_prefixes(folder: Path) -> list[Path]:
    """Return the prefix of every checkpoint in a folder, sorted."""
    prefixes = set()
    for path in folder.iterdir():
        if path.suffix == ".index":
            prefixes.add(path.with_suffix(""))
        elif _is_v1(path):
            prefixes.add(path)
    return sorted(prefixes)


def _parse_step(prefix: Path) -> int:
    step = _STEP.fullmatch(prefix.name)
    return int(step["step"]) if step else -1


def _list_shards(prefix: Path) -> dict[str, int]:
    """Return the data files of a V2 checkpoint: name to the total count in its name."""
    if not prefix.parent.is_dir():
        return {}
    shards = {}
    for path in prefix.parent.iterdir():
        shard = _SHARD.fullmatch(path.name.removeprefix(prefix.name))
        if shard and path.name.startswith(prefix.name):
            shards[path.name] = int(shard["count"])
    return shards


def _index_path(prefix: Path) -> Path:
    return prefix.with_name(f"{prefix.name}.index") if prefix.name else prefix / ".index"


def _is_v1(path: Path) -> bool:
    if _PART.fullmatch(path.name) or not path.is_file():
        return False
    if path.stat().st_size < len(TABLE_MAGIC):
        return False
    with path.open("rb") as file:
        file.seek(-len(TABLE_MAGIC), 2)
        return file.read() == TABLE_MAGIC


def _unescape(text: str) -> str:
    r"""Decode a text-format string, which has bytes outside ASCII as \303\251, a quote as \"."""
    escape = re.compile(rb"\\([0-7]{1,3}|.)")
    plain = {b"n": b"\n", b"t": b"\t", b"r": b"\r"}

    def decode_escape(match: re.Match[bytes]) -> bytes:
        code = match[1]
        if code.isdigit():
            return bytes([int(code, 8) & 255])
        return plain.get(code, code)

    return escape.sub(decode_escape, text.encode()).decode("utf-8", "replace")
