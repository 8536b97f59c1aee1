"""A parser of pickles that executes nothing.

A pickle is a small program. Python's own reader runs it: it imports and calls any function that the
program names, and allocates any memory that it requests. Here the program is only parsed: names are
kept as GlobalName, calls as ObjectCall, and memory is at most a few times the bytes read.
"""

import pickletools
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.reading import translate_errors

MAX_INSTRUCTIONS = 2_000_000  # some 50 per tensor; each may make an object


class GlobalName(NamedTuple):
    """A name that the program would import."""

    module: str
    name: str


class PersistentId(NamedTuple):
    """A reference to an object outside the pickle."""

    key: Any


@dataclass(eq=False)
class ObjectCall:
    """A call that the program would make."""

    function: Any  # a GlobalName in a valid pickle
    arguments: Any  # the arguments, a tuple in a valid pickle
    state: Any = None
    items: dict[Any, Any] = field(default_factory=dict)  # entries that were set, as in a dictionary


def load(stream: BinaryIO, persistent_ids: list[PersistentId] | None = None) -> Any:
    """Return the next pickle of a stream as dictionaries, lists, tuples and the records above.

    Keys of dictionaries that are neither words nor numbers are left out. References to objects
    outside are also added to `persistent_ids`. Raises UnreadableError.
    """
    machine = _Machine([] if persistent_ids is None else persistent_ids)
    errors = (ValueError, LookupError, TypeError, AttributeError, OverflowError)
    with translate_errors("its pickle is damaged or cut off", *errors, length=100):
        for number, (opcode, value, _) in enumerate(pickletools.genops(stream)):
            if number >= MAX_INSTRUCTIONS:
                raise UnreadableError(
                    f"its pickle has more than {MAX_INSTRUCTIONS:,} instructions; save the "
                    "generator's state_dict() alone"
                )
            machine.step(opcode.name, value)
        return machine.stack.pop()


_VALUE_OPCODES = {  # each pushes its argument
    *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE"),
    *("BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
}
_CONSTANT_OPCODES = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
_EMPTY_CONTAINERS = {"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": list}
_TUPLE_LENGTHS = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_IGNORED_OPCODES = {"PROTO", "FRAME", "STOP"}


class _Machine:
    """The stack of a pickle, the stacks below each mark, and the memo."""

    def __init__(self, persistent_ids: list[PersistentId]) -> None:
        self.stack: list[Any] = []
        self._persistent_ids = persistent_ids
        self._metastack: list[list[Any]] = []
        self._memo: dict[int, Any] = {}

    def step(self, name: str, value: Any) -> None:
        """Parse one instruction."""
        if name in _VALUE_OPCODES:
            self.stack.append(value)
        elif name in _CONSTANT_OPCODES:
            self.stack.append(_CONSTANT_OPCODES[name])
        elif name in _EMPTY_CONTAINERS:
            self.stack.append(_EMPTY_CONTAINERS[name]())
        elif name in _TUPLE_LENGTHS:
            self.stack[-_TUPLE_LENGTHS[name] :] = [tuple(self._peek(_TUPLE_LENGTHS[name]))]
        elif name not in _IGNORED_OPCODES:
            handler = getattr(self, f"_{name.lower()}", None)
            if handler is None:
                raise ValueError(f"it uses {name}, which no such file needs")
            handler(value)

    def _peek(self, number: int) -> list[Any]:
        """Return the top of the stack without removing it."""
        if len(self.stack) < number:
            raise IndexError("its stack is empty")
        return self.stack[-number:]

    def _pop_to_mark(self) -> list[Any]:
        """Remove and return the values since the last mark."""
        above, self.stack = self.stack, self._metastack.pop()
        return above

    def _mark(self, _: Any) -> None:
        self._metastack.append(self.stack)
        self.stack = []

    def _pop(self, _: Any) -> None:
        if self.stack:
            self.stack.pop()
        else:
            self._pop_to_mark()

    def _pop_mark(self, _: Any) -> None:
        self._pop_to_mark()

    def _dup(self, _: Any) -> None:
        self.stack.append(self.stack[-1])

    def _put(self, index: int) -> None:
        self._memo[int(index)] = self.stack[-1]

    _binput = _long_binput = _put

    def _memoize(self, _: Any) -> None:
        self._memo[len(self._memo)] = self.stack[-1]

    def _get(self, index: int) -> None:
        self.stack.append(self._memo[int(index)])

    _binget = _long_binget = _get

    def _tuple(self, _: Any) -> None:
        items = tuple(self._pop_to_mark())
        self.stack.append(items)

    def _list(self, _: Any) -> None:
        items = self._pop_to_mark()
        self.stack.append(items)

    _frozenset = _list

    def _dict(self, _: Any) -> None:
        items = self._pop_to_mark()
        result: dict[Any, Any] = {}
        _fill(result, items)
        self.stack.append(result)

    def _append(self, _: Any) -> None:
        self._extend([self.stack.pop()])

    def _appends(self, _: Any) -> None:
        self._extend(self._pop_to_mark())

    _additems = _appends

    def _extend(self, items: list[Any]) -> None:
        if isinstance(self.stack[-1], list):  # items of other kinds of objects are not needed
            self.stack[-1].extend(items)

    def _setitem(self, _: Any) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        _fill(self.stack[-1], [key, value])

    def _setitems(self, _: Any) -> None:
        items = self._pop_to_mark()
        _fill(self.stack[-1], items)

    def _global(self, names: str) -> None:
        module, _, name = names.partition(" ")
        self.stack.append(GlobalName(module, name))

    def _stack_global(self, _: Any) -> None:
        name, module = self.stack.pop(), self.stack.pop()
        self.stack.append(GlobalName(str(module)[:200], str(name)[:200]))

    def _reduce(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        self.stack.append(ObjectCall(function, arguments))

    _newobj = _reduce

    def _newobj_ex(self, _: Any) -> None:
        self.stack.pop()
        self._reduce(None)

    def _inst(self, names: str) -> None:
        arguments = tuple(self._pop_to_mark())
        self._global(names)
        self.stack[-1] = ObjectCall(self.stack[-1], arguments)

    def _obj(self, _: Any) -> None:
        function, *arguments = self._pop_to_mark()
        self.stack.append(ObjectCall(function, tuple(arguments)))

    def _build(self, _: Any) -> None:
        state = self.stack.pop()
        if isinstance(self.stack[-1], ObjectCall):  # the state of a plain value is not needed
            self.stack[-1].state = state

    def _binpersid(self, _: Any) -> None:
        self._persistent_ids.append(PersistentId(self.stack.pop()))
        self.stack.append(self._persistent_ids[-1])


def _fill(target: Any, items: list[Any]) -> None:
    """Set alternating keys and values in a dictionary, or in the items of an ObjectCall."""
    target_items = target.items if isinstance(target, ObjectCall) else target
    if not isinstance(target_items, dict):
        raise ValueError("it sets items of an object that is not a dictionary")
    for key, value in zip(items[::2], items[1::2], strict=True):
        if isinstance(key, str | int):  # hashing a tuple of tuples could take forever
            target_items[key] = value
