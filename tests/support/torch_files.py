"""Files as torch.save writes them, zip archives and the older streams, without PyTorch."""

import io
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np

MAGIC = 0x1950A86A20F9469CFC6C
STORAGES = {
    np.dtype(np.float64): "DoubleStorage",
    np.dtype(np.float32): "FloatStorage",
    np.dtype(np.float16): "HalfStorage",
    np.dtype(ml_dtypes.bfloat16): "BFloat16Storage",
    np.dtype(np.int64): "LongStorage",
    np.dtype(np.int8): "CharStorage",
}


class _Global:
    """Pickled as a name of PyTorch's, which this machine need not have."""

    def __init__(self, module: str, name: str) -> None:
        self.text = f"c{module}\n{name}\n".encode()


class _Call:
    def __init__(self, of: _Global, *given: Any, state: Any = None) -> None:
        self.of, self.given, self.state = of, given, state


class Tensor:
    """An array as a tensor: `view` is a part of it or its axes in another order."""

    def __init__(self, storage: np.ndarray, view: np.ndarray | None = None) -> None:
        self.storage = storage
        self.view = storage if view is None else view


class Parameter(Tensor):
    """A tensor that is an nn.Parameter."""


class Module:
    """An nn.Module of any class, pickled whole."""

    def __init__(self, parameters: Any = (), buffers: Any = (), modules: Any = ()) -> None:
        self.state = {
            "training": False,
            "_parameters": dict(parameters),
            "_buffers": dict(buffers),
            "_modules": dict(modules),
        }


class _Pickler(pickle._Pickler):  # type: ignore[name-defined]  # that in Python, which can be taught
    def __init__(self, file: Any) -> None:
        super().__init__(file, 2)
        self.storages: dict[str, np.ndarray] = {}
        self._keys: dict[int, str] = {}

    def persistent_id(self, obj: Any) -> Any:
        if not isinstance(obj, np.ndarray):
            return None
        key = self._keys.setdefault(id(obj), str(len(self._keys)))
        self.storages[key] = obj
        return ("storage", _Global("torch", STORAGES[obj.dtype]), key, "cuda:0", obj.size)

    def save(self, obj: Any, save_persistent_id: bool = True) -> None:
        if isinstance(obj, np.ndarray) and not save_persistent_id:
            raise TypeError("an array stands for a storage")
        if isinstance(obj, _Global):
            self.write(obj.text)
        elif isinstance(obj, _Call):
            self.save(obj.of)
            self.save(obj.given)
            self.write(pickle.REDUCE)
            if obj.state is not None:
                self.save(obj.state)
                self.write(pickle.BUILD)
        elif isinstance(obj, Tensor):
            self.save(_rebuild_call(obj))
        elif isinstance(obj, Module):
            self.save(_Call(_Global("__main__", "Generator"), state=obj.state))
        else:
            super().save(obj, save_persistent_id)


def _rebuild_call(tensor: Tensor) -> _Call:
    storage, view = tensor.storage, tensor.view
    start = view.__array_interface__["data"][0] - storage.__array_interface__["data"][0]
    call = _Call(
        _Global("torch._utils", "_rebuild_tensor_v2"),
        storage,
        start // storage.itemsize,
        view.shape,
        tuple(step // storage.itemsize for step in view.strides),
        False,
        _ordered_dict_call({}),
    )
    if isinstance(tensor, Parameter):
        return _Call(
            _Global("torch._utils", "_rebuild_parameter"), call, True, _ordered_dict_call({})
        )
    return call


def _ordered_dict_call(items: dict[Any, Any]) -> Any:
    return _Call(_Global("collections", "OrderedDict"))


def wrap_tensors(content: Any) -> Any:
    """The content with its arrays as tensors."""
    if isinstance(content, dict):
        return {key: wrap_tensors(value) for key, value in content.items()}
    if isinstance(content, list):
        return [wrap_tensors(value) for value in content]
    if isinstance(content, np.ndarray):
        return Tensor(np.ascontiguousarray(content))
    return content


def pickle_content(content: Any) -> tuple[bytes, dict[str, np.ndarray]]:
    """The pickle of a content, and the storages that it speaks of by their keys."""
    stream = io.BytesIO()
    pickler = _Pickler(stream)
    pickler.dump(wrap_tensors(content))
    return stream.getvalue(), pickler.storages


def save_archive(
    path: Path, content: Any, *, order: str = "little", compress: bool = False
) -> Path:
    """As torch.save since 1.6: dictionaries, with arrays for tensors."""
    data, storages = pickle_content(content)
    how = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", how) as archive:
        archive.writestr(f"{path.stem}/data.pkl", data)
        archive.writestr(f"{path.stem}/byteorder", order)
        for key, array in storages.items():
            swapped = array.byteswap() if order == "big" else array
            archive.writestr(f"{path.stem}/data/{key}", swapped.tobytes())
        archive.writestr(f"{path.stem}/version", "3\n")
    return path


def save_stream(path: Path, content: Any) -> Path:
    """As torch.save before 1.6."""
    data, storages = pickle_content(content)
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"int": 4}}
    with path.open("wb") as file:
        for part in (MAGIC, 1001, machine):
            file.write(pickle.dumps(part, 2))
        file.write(data)
        file.write(pickle.dumps(list(storages), 2))
        for array in storages.values():
            file.write(struct.pack("<q", array.size) + array.tobytes())
    return path


def write_archive(path: Path, data: bytes, **members: bytes) -> Path:
    """An archive around any pickle; members are storages, their keys behind an underscore."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("a/data.pkl", data)
        for key, content in members.items():
            file.writestr(f"a/data/{key.removeprefix('_')}", content)
    return path
