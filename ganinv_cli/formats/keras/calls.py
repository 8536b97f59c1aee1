"""What each layer of a Functional config is called with, as Keras 1, 2 and 3 write it."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ganinv_cli.formats.interface import UnreadableError

MOST_DEPTH = 8  # of lists in lists

CallKey = tuple[str, int]  # what a layer made: its name, and in which of its calls


class Call(NamedTuple):
    """A layer at work."""

    key: CallKey
    arguments: tuple[CallKey | float, ...]
    training: bool = False  # whether it was asked for, for good

    @property
    def inputs(self) -> tuple[CallKey, ...]:
        return tuple(each for each in self.arguments if not isinstance(each, float))


def parse_calls(name: str, raw: list[Any]) -> Iterator[Call]:
    """Of one layer. Raises UnreadableError, KeyError, TypeError, ValueError and IndexError."""
    for number, each in enumerate(raw):
        if isinstance(each, dict):
            keyword_arguments = {
                k: v for k, v in each["kwargs"].items() if k not in ("mask", "training")
            }
            arguments = [
                *_parse_arguments(each["args"], 0),
                *_parse_arguments(list(keyword_arguments.values()), 0),
            ]
            training = each["kwargs"].get("training")
        else:
            listed = [each] if each and isinstance(each[0], str) else each
            arguments = [_parse_key(item) for item in listed]
            extra = [item[3] for item in listed if len(item) > 3]
            training = any(item.get("training") for item in extra)
        yield Call((name, number), tuple(arguments), training is True)


def parse_keys(raw: Any, depth: int = 0) -> tuple[CallKey, ...]:
    """Of inputs or outputs: one, a list, or by name."""
    if depth > MOST_DEPTH:
        raise ValueError("lists in lists")
    if isinstance(raw, dict):
        raw = list(raw.values())
    if len(raw) == 3 and isinstance(raw[0], str):
        return (_parse_key(raw),)
    return tuple(key for each in raw for key in parse_keys(each, depth + 1))


def _parse_key(raw: Any) -> CallKey:
    name, call, output = raw[:3]
    if output != 0:
        raise UnreadableError(f"{name} has several outputs; ganinv reads layers of one output")
    if not isinstance(name, str) or not isinstance(call, int):
        raise TypeError("a call of no layer")
    return name, call


def _parse_arguments(raw: Any, depth: int) -> Iterator[CallKey | float]:
    """Tensors and numbers, in their order."""
    if depth > MOST_DEPTH:
        raise ValueError("lists in lists")
    if isinstance(raw, dict) and raw.get("class_name") == "__keras_tensor__":
        yield _parse_key(raw["config"]["keras_history"])
    elif isinstance(raw, list | dict):
        for each in raw.values() if isinstance(raw, dict) else raw:
            yield from _parse_arguments(each, depth + 1)
    elif isinstance(raw, int | float) and not isinstance(raw, bool):
        yield float(raw)
