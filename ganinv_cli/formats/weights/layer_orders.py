"""The orders in which layers may follow one another where a file keeps them by name."""

import itertools
import re
from collections.abc import Iterator, Mapping

from ganinv_cli.formats.weights.weight import Weight

MOST_BLOCKS = 8  # that are tried in every order


def list_layer_orders(blocks: Mapping[str, Mapping[str, Weight]]) -> Iterator[dict[str, Weight]]:
    """All weights, the blocks of a network in each order that their names allow.

    Within a block, and between blocks of one name with different numbers, numbers say the order.
    Of more blocks than MOST_BLOCKS only that by name is tried.
    """
    sorted_blocks = {
        name: dict(sorted(blocks[name].items(), key=lambda each: _natural_key(each[0])))
        for name in sorted(blocks, key=_natural_key)
    }
    block_orders = (
        itertools.permutations(sorted_blocks)
        if len(sorted_blocks) <= MOST_BLOCKS
        else iter([(*sorted_blocks,)])
    )
    for order in block_orders:
        if _is_ascending(order):
            yield {name: weight for block in order for name, weight in sorted_blocks[block].items()}


def _is_ascending(order: tuple[str, ...]) -> bool:
    """Whether conv1 comes before conv2, and so on."""
    last: dict[str, int] = {}
    for name in order:
        word, number = _split_number(name)
        if number < last.get(word, -1):
            return False
        last[word] = number
    return True


def _split_number(name: str) -> tuple[str, int]:
    match = re.fullmatch(r"(.*?)([0-9]{0,9})", name, re.DOTALL)
    word, number = match.groups() if match else (name, "")
    return word, int(number or 0)


def _natural_key(name: str) -> list[tuple[int, str]]:
    """Sorts main.3 before main.10, a layer's own tensors by name."""
    parts = re.split(r"([0-9]{1,9})", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]
