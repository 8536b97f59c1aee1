"""Mutations of protocol buffers (ONNX, SavedModel, graphs), and of safetensors' header."""

import json
import random
from pathlib import Path
from typing import Any

from google.protobuf.message import Message

from .subject import Material
from .text_mutations import ODD_TEXTS, mutate_json_text

_NUMBERS = (0, 1, -1, 2, 127, 2**31 - 1, -(2**31), 10**6)
_LONG_NUMBERS = (*_NUMBERS, 2**40, 2**63 - 1, -(2**63))
_OPERATIONS = (
    *("ReadFile", "WriteFile", "PyFunc", "LoadLibrary", "MatchingFiles", "Assert", "While", "If"),
    *("PartitionedCall", "VarHandleOp", "Identity", "Conv", "ConvTranspose", "Reshape", "Loop"),
)


def edit_onnx(random: random.Random, path: Path, material: Material) -> str:
    """Change fields of an ONNX model, or keep a tensor of it in another file."""
    import onnx

    model = onnx.ModelProto.FromString(path.read_bytes())
    if random.random() < 0.1 and model.graph.initializer:
        tensor = random.choice(model.graph.initializer)
        tensor.data_location = onnx.TensorProto.EXTERNAL
        tensor.ClearField("raw_data")
        location = random.choice(("../outside/secret.h5", str(material.secret), "none.bin"))
        tensor.external_data.add(key="location", value=location)
        done = "a tensor is in another file"
    else:
        done = _edit_message(random, model)
    path.write_bytes(model.SerializeToString())
    return done


def edit_saved_model(random: random.Random, path: Path, material: Material) -> str:
    """Change fields of a SavedModel, or names of its operations."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    model = SavedModel.FromString(path.read_bytes())
    done = _edit_message(random, model)
    path.write_bytes(model.SerializeToString())
    return done


def edit_graph(random: random.Random, path: Path, material: Material) -> str:
    """Change fields of a frozen graph, or names of its operations."""
    from tensorflow.core.framework.graph_pb2 import GraphDef

    graph = GraphDef.FromString(path.read_bytes())
    done = _edit_message(random, graph)
    path.write_bytes(graph.SerializeToString())
    return done


def edit_safetensors(random: random.Random, path: Path, material: Material) -> str:
    """Change the header of a safetensors file, with its right length before it."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    text, done = mutate_json_text(random, content[8 : 8 + length].decode())
    if random.random() < 0.2:
        entries = json.loads(content[8 : 8 + length])
        name = random.choice(sorted(entries))
        shapes: tuple[list[Any], ...] = ([-1, -1], [2**40, 2**40], [0], [], [10**9], [1.5])
        entries[name] = {"dtype": "F32", "shape": random.choice(shapes), "data_offsets": [0, 4]}
        text, done = json.dumps(entries), f"another entry for {name}"
    header = text.encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + content[8 + length :])
    return done


def _edit_message(random: random.Random, root: Message) -> str:
    """Change one to three fields anywhere below a message."""
    done = []
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        message = random.choice(_list_messages(root))
        fields = message.ListFields()
        if fields:
            field, _ = random.choice(fields)
            done.append(_edit_field(random, message, field))
    return ", ".join(done) or "nothing"


def _list_messages(root: Message) -> list[Message]:
    found = [root]
    for message in found:  # grows while it is read
        for field, value in message.ListFields():
            if field.message_type is None:
                continue
            if not _is_repeated(field):
                found.append(value)
            elif field.message_type.GetOptions().map_entry:
                values = (value[key] for key in value)
                found.extend(each for each in values if isinstance(each, Message))
            else:
                found.extend(value)
    return found


def _is_repeated(field: Any) -> bool:
    return bool(field.is_repeated)


def _edit_field(random: random.Random, message: Message, field: Any) -> str:
    name = f"{message.DESCRIPTOR.name}.{field.name}"
    if random.random() < 0.2 or (
        field.message_type
        and (not _is_repeated(field) or field.message_type.GetOptions().map_entry)
    ):
        message.ClearField(field.name)
        return f"{name} removed"
    if field.message_type:
        values = getattr(message, field.name)
        at = random.randrange(len(values))
        if random.random() < 0.5:
            del values[at]
            return f"{name}[{at}] removed"
        values.extend([values[at]] * random.choice((1, 1, 200)))
        return f"{name}[{at}] doubled"
    value = _choose_value(random, field)
    if _is_repeated(field):
        values = getattr(message, field.name)
        if values:
            values[random.randrange(len(values))] = value
    else:
        setattr(message, field.name, value)
    return f"{name} = {str(value)[:30]!r}"


def _choose_value(random: random.Random, field: Any) -> Any:
    kind = field.cpp_type
    if kind == field.CPPTYPE_STRING:
        if field.type == field.TYPE_BYTES:
            return random.randbytes(random.choice((0, 1, 8, 64)))
        if field.name in ("op", "op_type"):
            return random.choice(_OPERATIONS)
        return random.choice([text for text in ODD_TEXTS if text.isascii()])
    if kind == field.CPPTYPE_BOOL:
        return random.random() < 0.5
    if kind in (field.CPPTYPE_FLOAT, field.CPPTYPE_DOUBLE):
        return random.choice((0.0, -1.0, 1e30, float("nan"), float("inf")))
    if kind == field.CPPTYPE_ENUM:
        return random.choice(field.enum_type.values).number
    numbers = _LONG_NUMBERS if kind in (field.CPPTYPE_INT64, field.CPPTYPE_UINT64) else _NUMBERS
    value = random.choice(numbers)
    return abs(value) if kind in (field.CPPTYPE_UINT32, field.CPPTYPE_UINT64) else value
