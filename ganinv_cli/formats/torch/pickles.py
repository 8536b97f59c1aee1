"""What a pickle describes, read without doing any of it.

A pickle is a small program. Python's own reader runs it: it imports what the program names and
calls that, and reserves as much memory as it asks for. Here the program is followed on paper. A
name stays a name, a call stays a record of what would have been called, and nothing takes more
memory than a few times the bytes that were read.
"""

import pickletools
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

from ganinv_cli.formats.reading import UnreadableError


class Name(NamedTuple):
    """Something that the program would have imported."""

    module: str
    name: str


class Outside(NamedTuple):
    """Something that lies outside the pickle, by what the program calls it."""

    key: Any


@dataclass(eq=False)
class Made:
    """What would have come of a call."""

    of: Any  # a Name where the program is an honest one
    given: Any  # the arguments, a tuple where the program is an honest one
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)  # what was put in, as into a dictionary


def load(stream: BinaryIO, outside: list[Outside] | None = None) -> Any:
    """The next pickle of a stream: dictionaries, lists, tuples, values and the records above.

    Keys of dictionaries that are neither words nor numbers are left out. What lies outside is also
    added to `outside`. Raises UnreadableError.
    """
    machine = _Machine([] if outside is None else outside)
    try:
        for opcode, value, _ in pickletools.genops(stream):
            machine.step(opcode.name, value)
        return machine.stack.pop()
    except (ValueError, LookupError, TypeError, AttributeError, OverflowError) as error:
        reason = " ".join(str(error).split())[:100]
        raise UnreadableError(
            f"its pickle is damaged or cut off ({reason}); copy it again from its source"
        ) from None


_VALUES = {  # what these stand for is what follows them
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE"),
    *("BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_NEW = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": list}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_NOTHING = {"PROTO", "FRAME", "STOP"}


class _Machine:
    """The stack of a pickle, what was put aside when a mark was set, and its memory."""

    def __init__(self, outside: list[Outside]) -> None:
        self.stack: list[Any] = []
        self._outside = outside
        self._below: list[list[Any]] = []
        self._memory: dict[int, Any] = {}

    def step(self, name: str, value: Any) -> None:
        """Follow one instruction."""
        if name in _VALUES:
            self.stack.append(value)
        elif name in _CONSTANTS:
            self.stack.append(_CONSTANTS[name])
        elif name in _NEW:
            self.stack.append(_NEW[name]())
        elif name in _TUPLES:
            self.stack[-_TUPLES[name] :] = [tuple(self._popped(_TUPLES[name]))]
        elif name not in _NOTHING:
            handler = getattr(self, f"_{name.lower()}", None)
            if handler is None:
                raise ValueError(f"it uses {name}, which no such file needs")
            handler(value)

    def _popped(self, number: int) -> list[Any]:
        """The top of the stack, which stays there."""
        if len(self.stack) < number:
            raise IndexError("its stack is empty")
        return self.stack[-number:]

    def _marked(self) -> list[Any]:
        """What was put on the stack since the last mark."""
        above, self.stack = self.stack, self._below.pop()
        return above

    def _mark(self, _: Any) -> None:
        self._below.append(self.stack)
        self.stack = []

    def _pop(self, _: Any) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._marked()

    def _pop_mark(self, _: Any) -> None:
        self._marked()

    def _dup(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def _put(self, place: int) -> None:
        self._memory[int(place)] = self.stack[-1]

    _binput = _long_binput = _put

    def _memoize(self, _: Any) -> None:
        self._memory[len(self._memory)] = self.stack[-1]

    def _get(self, place: int) -> None:
        self.stack.append(self._memory[int(place)])

    _binget = _long_binget = _get

    def _tuple(self, _: Any) -> None:
        items = tuple(self._marked())
        self.stack.append(items)

    def _list(self, _: Any) -> None:
        items = self._marked()
        self.stack.append(items)

    _frozenset = _list

    def _dict(self, _: Any) -> None:
        items = self._marked()
        made: dict[Any, Any] = {}
        _fill(made, items)
        self.stack.append(made)

    def _append(self, _: Any) -> None:
        self._extend([self.stack.pop()])

    def _appends(self, _: Any) -> None:
        self._extend(self._marked())

    _additems = _appends

    def _extend(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], list):  # of another kind of object none is asked for
            self.stack[-1].extend(items)

    def _setitem(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        _fill(self.stack[-1], [key, value])

    def _setitems(self, _: Any) -> None:
        items = self._marked()
        _fill(self.stack[-1], items)

    def _global(self, names: str) -> None:
        module, _, name = names.partition(" ")
        self.stack.append(Name(module, name))

    def _stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(Name(str(module)[:200], str(name)[:200]))

    def _reduce(self, _: Any) -> None:
        given, of = self.stack.pop(), self.stack.pop()
        self.stack.append(Made(of, given))

    _newobj = _reduce

    def _newobj_ex(self, _: Any) -> None:
        self.stack.pop()
        self._reduce(None)

    def _inst(self, names: str) -> None:
        given = tuple(self._marked())
        self._global(names)
        self.stack[-1] = Made(self.stack[-1], given)

    def _obj(self, _: Any) -> None:
        of, *given = self._marked()
        self.stack.append(Made(of, tuple(given)))

    def _build(self, _: Any) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], Made):  # what a plain value remembers is not asked for
            self.stack[-1].state = state

    def _binpersid(self, _: Any) -> None:
        self._outside.append(Outside(self.stack.pop()))
        self.stack.append(self._outside[-1])


def _fill(made: Any, items: list[Any]) -> None:
    """Put keys and values, in turn, into a dictionary or what stands for one."""
    into = made.items if isinstance(made, Made) else made
    if not isinstance(into, dict):
        raise ValueError("it puts names into what has none")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if isinstance(key, str | int):  # a tuple of tuples could take for ever to hash
            into[key] = value
