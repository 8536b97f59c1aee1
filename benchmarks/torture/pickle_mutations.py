"""Mutations of pickles: other names, numbers and opcodes, and calls of code."""

import io
import os
import pickle
import pickletools
import random
from pathlib import Path
from typing import Any

from .byte_mutations import mutate_bytes
from .subject import Material
from .text_mutations import ODD_NUMBERS

_NAMES = (
    *("posix system", "os system", "builtins eval", "builtins exec", "builtins getattr"),
    *("subprocess Popen", "torch load", "torch.nn.modules.linear Linear", "numpy.core._multiarray"),
    *("collections OrderedDict", "torch._utils _rebuild_tensor_v2", "a" * 5000 + " b", "x\x1b y"),
)


class PickledCall:
    """Touches a file as soon as it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, (f"touch '{self.path}'",)


def mutate_pickle(random: random.Random, path: Path, material: Material) -> str:
    """Change a file that is one pickle, or begins with some."""
    content = path.read_bytes()
    try:
        operations = [
            (op, argument, place or 0) for op, argument, place in pickletools.genops(content)
        ]
    except (ValueError, UnicodeDecodeError, AttributeError):
        return mutate_bytes(random, path, material)
    change = random.choice(("call", "global", "number", "opcode", "cut", "deep"))
    places = [place for _, _, place in operations] + [len(content)]
    at = random.randrange(len(operations))
    if change == "call":
        call = pickle.dumps(PickledCall(material.executed), 2)[2:-1]  # without PROTO and STOP
        where = places[random.randrange(1, len(operations))]
        content = content[:where] + call + b"0" + content[where:]
    elif change == "global":
        content = _replace(random, content, operations, places, ("GLOBAL",), _make_global)
    elif change == "number":
        kinds = ("BININT", "BININT1", "BININT2", "LONG1")
        content = _replace(random, content, operations, places, kinds, _make_number)
    elif change == "opcode":
        where = places[at]
        content = (
            content[:where]
            + random.choice(pickletools.opcodes).code.encode("latin-1")
            + (content[where + 1 :])
        )
    elif change == "cut":
        content = content[: places[at]] + content[places[min(at + 1, len(operations))] :]
    else:
        content = b"\x80\x02" + b"(" * 100_000 + b"t" * 99_999 + b"."
    path.write_bytes(content)
    return f"pickle: {change}"


def _replace(
    random: random.Random, content: bytes, operations: Any, places: list[int], kinds: Any, make: Any
) -> bytes:
    """Replace one operation of some kinds by what `make` returns."""
    found = [index for index, (op, _, _) in enumerate(operations) if op.name in kinds]
    if not found:
        return content[:-1]
    at = random.choice(found)
    return bytes(content[: places[at]] + make(random) + content[places[at + 1] :])


def _make_global(random: random.Random) -> bytes:
    module, name = random.choice(_NAMES).rsplit(" ", 1) if random.random() < 0.9 else ("", "")
    return f"c{module}\n{name}\n".encode()


def _make_number(random: random.Random) -> bytes:
    number = random.choice([each for each in ODD_NUMBERS if isinstance(each, int)])
    stream = io.BytesIO()
    pickle.Pickler(stream, 2).dump(number)
    return stream.getvalue()[2:-1]
