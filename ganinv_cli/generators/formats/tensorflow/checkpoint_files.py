"""The files of a TensorFlow checkpoint: found from a path without reading a tensor, and written."""

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from google.protobuf import text_encoding

from ganinv_cli.errors import CheckpointError
from ganinv_cli.files import replace_file

STATE_FILE = "checkpoint"  # the file that names a folder's newest checkpoint
MAX_STATE_BYTES = 1 << 20
TABLE_MAGIC = bytes.fromhex("57fb808b247547db")  # the last bytes of a V1 file, and of an .index

_PART = re.compile(r"(?P<prefix>.+)\.(?:index|meta|data-[0-9]{5}-of-[0-9]{5})", re.DOTALL)
_STEP = re.compile(r"(?P<stem>.*)-(?P<step>[0-9]{1,18})", re.DOTALL)
_NEWEST = re.compile(r'^\s*model_checkpoint_path\s*:\s*"((?:[^"\\\n]|\\.)+)"', re.MULTILINE)


class CheckpointFiles(NamedTuple):
    """A checkpoint on disk."""

    prefix: Path  # a V1 file, or the common start of a V2 checkpoint's files
    version: str  # "V1" or "V2"


def find_checkpoint(path: Path) -> CheckpointFiles:
    """Return the checkpoint of a folder, a prefix, a state file or one of its files.

    For a folder, it is the checkpoint named in the state file. It is searched beside the state file
    first, because the state file of a moved folder has the old path, and never outside its folder,
    where another generator would be read without a word. Without a state file it is the only
    checkpoint, or the one with the highest step if all have the same name before `-STEP`. Raises
    CheckpointError.
    """
    part = _PART.fullmatch(path.name)
    for prefix in (path, path.with_name(part["prefix"]) if part else path):
        if version := _find_version(prefix):
            return CheckpointFiles(prefix, version)
    if path.is_dir():
        state = path / STATE_FILE
        is_named = state.exists() and not _find_version(state)
        return _follow_state_file(state) if is_named else _find_in_folder(path)
    if path.name == STATE_FILE and path.exists():
        return _follow_state_file(path)
    raise CheckpointError(_explain_missing(path, part["prefix"] if part else path.name))


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
    name = text_encoding.CEscape(prefix.name, as_utf8=True)
    state = f'model_checkpoint_path: "{name}"\nall_model_checkpoint_paths: "{name}"\n'
    # last: a run that is killed before this keeps the previous checkpoint
    replace_file(prefix.with_name(STATE_FILE), state.encode())


def _find_version(prefix: Path) -> str:
    """Return the version of a checkpoint, or "" if there is none."""
    if prefix.name and prefix.with_name(f"{prefix.name}.index").exists():
        return "V2"
    if _PART.fullmatch(prefix.name) or not prefix.is_file():
        return ""
    with prefix.open("rb") as file:
        file.seek(max(prefix.stat().st_size - len(TABLE_MAGIC), 0))
        return "V1" if file.read() == TABLE_MAGIC else ""


def _find_in_folder(folder: Path) -> CheckpointFiles:
    prefixes = _list_prefixes(folder)
    steps = [_STEP.fullmatch(prefix.name) for prefix in prefixes]
    stems = {step["stem"] if step else None for step in steps}
    if len(prefixes) > 1 and (len(stems) > 1 or None in stems):
        names = ", ".join(prefix.name for prefix in prefixes[:5])
        raise CheckpointError(
            f"{folder} holds {len(prefixes)} checkpoints ({names}) and no file {STATE_FILE!r} that "
            f"says which is meant; name one, such as {prefixes[0]}"
        )
    if prefixes:
        numbers = [int(step["step"]) if step else 0 for step in steps]
        _, prefix = max(zip(numbers, prefixes, strict=True))
        return CheckpointFiles(prefix, _find_version(prefix))
    for child in sorted(folder.iterdir()):
        if part := _PART.fullmatch(child.name):
            raise CheckpointError(_explain_missing(child, part["prefix"]))
        if child.is_dir() and _list_prefixes(child):
            raise CheckpointError(
                f"{folder} holds no generator; give the folder inside it that does: {child}"
            )
    raise CheckpointError(
        f"{folder} is a folder without a generator; give the generator's file, e.g. netG.pth, or a "
        "folder with a TensorFlow checkpoint (NAME.index and NAME.data-…)"
    )


def _follow_state_file(state: Path) -> CheckpointFiles:
    with state.open("rb") as file:
        newest = _NEWEST.search(file.read(MAX_STATE_BYTES).decode("utf-8", "replace"))
    named = Path(text_encoding.CUnescape(newest[1]).decode("utf-8", "replace") if newest else "")
    for prefix in (state.parent / named.name, state.parent / named):
        is_inside = prefix.parent.resolve().is_relative_to(state.parent.resolve())
        if is_inside and (version := _find_version(prefix)):
            return CheckpointFiles(prefix, version)
    others = [prefix.name for prefix in _list_prefixes(state.parent)[:5]]
    raise CheckpointError(
        f"{state} names no checkpoint in its folder (expected a line model_checkpoint_path: …, "
        f"found {str(named)!r}); name one: {', '.join(others) or 'none is beside it'}"
    )


def _explain_missing(path: Path, prefix: str) -> str:
    if path.is_file() and prefix == path.name:
        advice = "give the generator's file, e.g. netG.pth"
        if zipfile.is_zipfile(path):
            advice = "it is a zip archive: unzip it, and name the generator's file in it"
        return f"{path} is in no format that ganinv reads; {advice}"
    if any(each.name.startswith(f"{prefix}.") for each in path.parent.glob("*")):
        return (
            f"{prefix}.index is missing in {path.parent}; a checkpoint is {prefix}.index and "
            f"{prefix}.data-00000-of-00001, copy both to the same folder"
        )
    return (
        f"{path} does not exist, nor does {prefix}.index; name a folder with a checkpoint, or a "
        "prefix such as checkpoint/DCGAN.model-60502"
    )


def _list_prefixes(folder: Path) -> list[Path]:
    names = {path.name.removesuffix(".index") for path in folder.iterdir()}
    return sorted(folder / name for name in names if _find_version(folder / name))
