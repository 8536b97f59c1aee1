"""Load a Keras file: its config is vetted, its weights are checked, Keras builds the model."""

import json
import re
import shutil
import tempfile
import zipfile
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import keras
import tensorflow as tf
from h5py import h5l

from ganinv_cli.files import is_bomb
from ganinv_cli.generators.formats.interface import MAX_WEIGHTS, UnreadableError
from ganinv_cli.generators.formats.keras.vet import vet_model
from ganinv_cli.generators.formats.user_code import explain_errors

WEIGHTS_MEMBER = "model.weights.h5"
GROUPS = ("layers", "_layer_checkpoint_dependencies")  # the second in Keras 2.12
KERAS_NAMES = {*GROUPS, "vars", "top_level_model_weights", "model_weights"}
SAVE_AGAIN = "; save the model again with Keras"


class _Parts(NamedTuple):
    config: str  # JSON
    about: str  # Keras's version, or JSON that holds it; "" if the file does not state it
    weights: Path  # a copy in HDF5, with a name that tells Keras its layout
    file_type: str  # such as .keras
    ignored: tuple[str, ...]


def load_model(path: Path) -> tuple[Any, str, tuple[str, ...]]:
    """Return the model of a .keras archive, of HDF5, or of weights with a config beside them.

    The format, such as Keras 3 (.keras), and the names in the file that are not the model's follow.
    Nothing in the file is executed. Raises UnreadableError.
    """
    with tempfile.TemporaryDirectory(prefix="ganinv-") as folder:
        parts = _read_parts(path, Path(folder))
        config, version = json.loads(parts.config), _find_version(parts)
        model = _make_model(vet_model(config), parts.weights, version)
        return model, f"Keras {version} ({parts.file_type})", parts.ignored


def _make_model(vetted: Any, weights: Path, version: int) -> Any:
    with explain_errors("cannot be loaded by Keras", SAVE_AGAIN), tf.device("CPU"):
        model = keras.saving.deserialize_keras_object(vetted, safe_mode=True)
        model.load_weights(weights)
        for layer in model._flatten_layers() if version < 3 else ():
            if getattr(layer, "activation", None) is keras.activations.hard_sigmoid:
                layer.activation = hard_sigmoid_2
    return model


def hard_sigmoid_2(x: Any) -> Any:
    """Return the hard sigmoid of Keras 2, which is steeper than that of Keras 3."""
    return keras.ops.clip(0.2 * x + 0.5, 0, 1)


def _read_parts(path: Path, folder: Path) -> _Parts:
    copy = folder / WEIGHTS_MEMBER
    config, about, file_type = "", "", ".h5"
    if zipfile.is_zipfile(path):
        config, about = _unpack(path, folder)
        file_type = ".keras"
    else:
        shutil.copyfile(path, copy)
    _check_hdf5(copy)
    with h5py.File(copy, "r+") as root:
        config = config or _read_text(root, "model_config")
        about = about or _read_text(root, "keras_version")
        by_class = any(name in root for name in GROUPS)
        if not (config or by_class or any("layer_names" in name for name in root.attrs)):
            raise UnreadableError(
                "holds no model or weights that Keras saved; give the generator's file"
            )
        ignored = tuple(sorted(set(root) - KERAS_NAMES)) if by_class or config else ()
        _rename_groups(root)
    if not by_class:
        copy = copy.rename(folder / "model.h5")
    if not config:
        config = _read_config_beside(path)
        file_type = ".weights.h5" if by_class else ".h5 weights"
    return _Parts(config, about, copy, file_type, ignored)


def _unpack(path: Path, folder: Path) -> tuple[str, str]:
    """Return config and metadata, and write the weights into a folder."""
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            if is_bomb(member.file_size, member.compress_size):
                raise UnreadableError(
                    f"{member.filename} in it has {member.compress_size:,} bytes and says that it "
                    f"becomes {member.file_size:,}, which no model does{SAVE_AGAIN}"
                )
        archive.extract(WEIGHTS_MEMBER, folder)
        return archive.read("config.json").decode(), archive.read("metadata.json").decode()


def _read_text(group: h5py.Group, name: str) -> str:
    text = group.attrs.get(name, "")
    return text.decode() if isinstance(text, bytes) else str(text)


def _check_hdf5(path: Path) -> None:
    """Raise UnreadableError or ValueError if HDF5 would read another file, or no weights."""
    with h5py.File(path, "r") as root:
        names: list[bytes] = []
        root.id.links.visit(names.append)
        for name in names:
            if root.id.links.get_info(name).type != h5l.TYPE_HARD:
                raise ValueError(f"/{name.decode()} is a link that leads elsewhere")
            node = root[name]
            if not isinstance(node, h5py.Dataset):
                continue
            if node.external or node.is_virtual:
                raise ValueError(f"{node.name} keeps its values in another file")
            if node.size > MAX_WEIGHTS:
                raise UnreadableError(f"{node.name} is larger than {MAX_WEIGHTS:,} values")
            if node.dtype.kind == "c":
                raise UnreadableError(f"{node.name} holds complex numbers{SAVE_AGAIN}")


def _rename_groups(group: h5py.Group) -> None:
    """Name the groups of layers as Keras 3 does: Keras 2.12 left out numbers in between."""
    if GROUPS[1] in group:
        group.move(GROUPS[1], GROUPS[0])
    by_class = defaultdict(list)
    for name in group.get(GROUPS[0], ()):
        stem = re.sub("_[0-9]{1,9}$", "", name)
        by_class[stem].append(int(name[len(stem) + 1 :] or 0))
        _rename_groups(group[GROUPS[0]][name])
    for stem, numbers in by_class.items():
        for index, number in enumerate(sorted(numbers)):
            if index != number:
                group[GROUPS[0]].move(f"{stem}_{number}", f"{stem}_{index}")


def _find_version(parts: _Parts) -> int:
    stated = re.search(r'(?:^|"keras_version": ?")([0-9])', f"{parts.about} {parts.config}")
    return int(stated[1]) if stated else 3 if '"module"' in parts.config else 2


def _read_config_beside(path: Path) -> str:
    stem = path.name.removesuffix(".h5").removesuffix(".hdf5").removesuffix(".weights")
    first, *others = names = (f"{stem}.json", "config.json", "model.json")
    for name in names:
        if path.with_name(name).exists():
            return path.with_name(name).read_text("utf-8")
    raise UnreadableError(
        "holds weights without the layers they belong to; write what model.to_json() gives to "
        f"{first} beside it (or {' or '.join(others)}), or save the whole model with "
        "model.save('NAME.keras')"
    )
