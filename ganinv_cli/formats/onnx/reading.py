"""The parts of an ONNX file that a generator needs: its graph, its functions and its weights."""

import io
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from ganinv_cli.formats.interface import MAX_LATENT, MAX_WEIGHTS, UnreadableError
from ganinv_cli.formats.reading import damaged_error, open_file, translate_errors

MAX_BYTES = 1 << 29  # 100 million weights of 4 bytes, and the graph
OPSETS = range(9, onnx.defs.onnx_opset_version() + 1)
STANDARD = ("", "ai.onnx")  # names of the domain of ONNX's own operations
FLOATS = ("FLOAT", "DOUBLE", "FLOAT16", "BFLOAT16")
INTEGERS = ("BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32", "UINT64")
KINDS = {
    getattr(TensorProto, name): np.dtype(np.float32 if name in FLOATS else name.lower())
    for name in (*FLOATS, *INTEGERS)
}  # all floating point numbers are computed in float32


class ModelInput(NamedTuple):
    """One input of a model; a size that the model does not fix is None."""

    name: str
    dtype: np.dtype
    shape: tuple[int | None, ...] | None

    @property
    def row(self) -> tuple[int, ...]:
        """The shape without the batch axis. Raises UnreadableError if it is unknown or large."""
        row = (self.shape or (None, None))[1:]
        if None in row or math.prod(size or 1 for size in row) > MAX_LATENT:
            raise UnreadableError(
                f"takes {self.name[:100]!r} of {row} values per picture; expected a fixed number, "
                f"at most {MAX_LATENT:,}; is it a generator?"
            )
        return tuple(size or 1 for size in row)


class Model(NamedTuple):
    """A graph, its functions, and its weights by name."""

    graph: Any  # GraphProto
    functions: Mapping[tuple[str, str, str], Any]  # FunctionProtos by domain, name and overload
    opset: int
    inputs: list[ModelInput]
    weights: dict[str, np.ndarray]
    read_tensor: Callable[[Any], np.ndarray]


def read_model(path: Path) -> Model:
    """Return the model in a file. Raises UnreadableError."""
    with open_file(path) as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise UnreadableError(f"has more than {MAX_BYTES:,} bytes; is it a generator?")
    try:
        proto = onnx.ModelProto.FromString(content)
    except DecodeError:
        raise damaged_error("is no ONNX file, or damaged") from None
    if not proto.graph.node or not proto.graph.output:
        raise damaged_error("holds no graph, so it is no ONNX file, or damaged")
    if proto.graph.sparse_initializer:
        raise UnreadableError("has sparse weights, which are not read; export it with plain ones")
    reader = _TensorReader(path.parent)
    weights = {each.name: reader.read(each) for each in proto.graph.initializer}
    given = [each for each in proto.graph.input if each.name not in weights]
    return Model(
        proto.graph,
        {(each.domain, each.name, each.overload): each for each in proto.functions},
        find_opset(proto.opset_import),
        list(map(_read_input, given)),
        weights,
        reader.read,
    )


def find_opset(imports: Iterable[Any]) -> int:
    """Return the version of ONNX's own operations. Raises UnreadableError if it is unknown."""
    version = max((each.version for each in imports if each.domain in STANDARD), default=1)
    if version not in OPSETS:
        raise UnreadableError(
            f"is written with version {version} of ONNX's operations, but {OPSETS[0]} to "
            f"{OPSETS[-1]} were expected; export it with opset_version=17"
        )
    return int(version)


def _read_input(value: Any) -> ModelInput:
    tensor = value.type.tensor_type
    if tensor.elem_type not in KINDS:
        raise UnreadableError(
            f"takes {value.name[:100]!r}, which is no tensor of numbers; is it a generator?"
        )
    if not tensor.HasField("shape"):
        return ModelInput(value.name, KINDS[tensor.elem_type], None)
    sizes = tuple(dim.dim_value if dim.dim_value > 0 else None for dim in tensor.shape.dim)
    return ModelInput(value.name, KINDS[tensor.elem_type], sizes)


class _TensorReader:
    """Reads tensors of one model, in the file or beside it, up to a total size."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._values = 0  # read so far

    def read(self, tensor: Any) -> np.ndarray:
        """Return a tensor as an array, floats as float32. Raises UnreadableError."""
        name, sizes = f"its tensor {tensor.name[:100]!r}", list(tensor.dims)
        if tensor.data_type not in KINDS:
            raise UnreadableError(f"{name} holds no numbers of 8 to 64 bits; export it in float32")
        self._values += math.prod(sizes)
        if min(sizes, default=0) < 0 or len(sizes) > 8 or self._values > MAX_WEIGHTS:
            raise UnreadableError(
                f"{name} of {sizes[:8]} values makes more than {MAX_WEIGHTS:,} in all; is it a "
                "generator of pictures?"
            )
        if tensor.data_location == TensorProto.EXTERNAL:
            inside = TensorProto(data_type=tensor.data_type, dims=sizes)
            inside.raw_data = self._read_beside(name, tensor)
            tensor = inside
        with translate_errors(f"{name} is damaged", ValueError, TypeError, OverflowError):
            return np.array(numpy_helper.to_array(tensor), KINDS[tensor.data_type])

    def _read_beside(self, name: str, tensor: Any) -> bytes:
        """Return the bytes of a tensor that another file in the model's folder holds."""
        entries = {each.key: each.value for each in tensor.external_data}
        location = entries.get("location", "")
        root = self._folder.resolve()
        file = root / location
        bytes_each = helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
        expected = math.prod(tensor.dims) * bytes_each
        with translate_errors(f"{name} is damaged", ValueError, OSError):
            start, length = (int(entries.get(key) or 0) for key in ("offset", "length"))
            outside = not location or not file.resolve().is_relative_to(root)
        if outside or Path(location).is_absolute() or ".." in Path(location).parts:
            raise UnreadableError(
                f"{name} is in {location[:100]!r}, outside the folder of the file; put all files "
                "of the model into one folder"
            )
        try:
            opened = file.open("rb")
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            reason = "is missing" if missing else f"cannot be read ({error.strerror})"
            raise UnreadableError(
                f"{name} is in {location[:100]!r}, which {reason}; copy it beside the file"
            ) from None
        with opened:
            size = opened.seek(0, io.SEEK_END)
            if length not in (0, expected) or not 0 <= start <= start + expected <= size:
                raise damaged_error(
                    f"{name} needs {expected:,} bytes of {location[:100]!r} from byte {start:,}, "
                    f"which has {size:,}"
                )
            opened.seek(start)
            return bytes(opened.read(expected))
