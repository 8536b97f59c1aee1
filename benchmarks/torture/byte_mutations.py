"""Mutations of a file's bytes, whatever its format."""

import random
from pathlib import Path

from .subject import Material, Mutation

_LENGTHS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
_LENGTHS_OF_8 = (*_LENGTHS, 1 << 40, (1 << 63) - 1, 1 << 63, (1 << 64) - 1)
_END = 2048  # bytes at either end of a file, where formats have their headers and tables


def flip_bits(random: random.Random, content: bytearray) -> str:
    count = random.choice((1, 1, 1, 4, 32))
    for _ in range(count):
        content[_choose_place(random, content)] ^= 1 << random.randrange(8)
    return f"{count} bits flipped"


def replace_bytes(random: random.Random, content: bytearray) -> str:
    place, length = _choose_place(random, content), random.randint(1, 16)
    content[place : place + length] = random.randbytes(length)
    return f"{length} random bytes at {place}"


def truncate(random: random.Random, content: bytearray) -> str:
    place = random.choice((0, 1, 8, len(content) - 1, _choose_place(random, content)))
    del content[place:]
    return f"cut off after {place} bytes"


def remove_block(random: random.Random, content: bytearray) -> str:
    place, length = _choose_block(random, content)
    del content[place : place + length]
    return f"{length} bytes removed at {place}"


def insert_block(random: random.Random, content: bytearray) -> str:
    place, length = _choose_block(random, content)
    content[place:place] = random.randbytes(length)
    return f"{length} bytes inserted at {place}"


def repeat_block(random: random.Random, content: bytearray) -> str:
    place, length = _choose_block(random, content)
    content[place:place] = content[place : place + length] * random.choice((1, 2, 50))
    return f"{length} bytes repeated at {place}"


def fill_block(random: random.Random, content: bytearray) -> str:
    place, length = _choose_block(random, content)
    value = random.choice((0, 0xFF, 0x20))
    length = len(content[place : place + length])
    content[place : place + length] = bytes([value]) * length
    return f"{length} bytes {value:#04x} at {place}"


def swap_blocks(random: random.Random, content: bytearray) -> str:
    (one, length), (other, _) = _choose_block(random, content), _choose_block(random, content)
    first, second = content[one : one + length], content[other : other + length]
    content[one : one + len(second)], content[other : other + len(first)] = second, first
    return f"{length} bytes swapped, at {one} and {other}"


def write_length(random: random.Random, content: bytearray) -> str:
    size = random.choice((1, 2, 4, 8))
    value = random.choice(_LENGTHS_OF_8 if size == 8 else _LENGTHS) & ((1 << 8 * size) - 1)
    place = _choose_place(random, content)
    order = random.choice(("little", "big"))
    content[place : place + size] = value.to_bytes(size, order)  # type: ignore[arg-type]
    return f"{size} bytes of {value:#x} at {place}, {order} end first"


_CHANGES = (
    *(flip_bits, replace_bytes, truncate, remove_block, insert_block, repeat_block, fill_block),
    *(swap_blocks, write_length),
)


def mutate_bytes(random: random.Random, path: Path, material: Material) -> str:
    """Change a file's bytes at one to three places."""
    content = bytearray(path.read_bytes())
    done = []
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        if content:
            done.append(random.choice(_CHANGES)(random, content))
    path.write_bytes(content)
    return ", ".join(done) or "nothing"


def splice(random: random.Random, path: Path, material: Material) -> str:
    """Join the beginning of a file and the end of another one."""
    donor = random.choice(material.donors or (path,))
    begin, end = path.read_bytes(), donor.read_bytes()
    place, other = random.randint(0, len(begin)), random.randint(0, len(end))
    path.write_bytes(begin[:place] + end[other:])
    return f"spliced at {place} with {donor.name} from {other} on"


def replace_whole(random: random.Random, path: Path, material: Material) -> str:
    """Put another file in its place, or nothing."""
    if random.random() < 0.5:
        path.write_bytes(random.choice(material.donors or (path,)).read_bytes())
        return "another file in its place"
    path.write_bytes(random.choice((b"", b"\0", b"\n", random.randbytes(500), b"\0" * 70000)))
    return "no content, or noise"


BYTE_MUTATIONS: tuple[Mutation, ...] = (mutate_bytes,) * 10 + (splice,) * 2 + (replace_whole,)


def _choose_place(random: random.Random, content: bytearray) -> int:
    last = max(len(content) - 1, 0)
    part = random.choice(("anywhere", "begin", "end"))
    if part == "anywhere":
        return random.randint(0, last)
    return (
        random.randint(0, min(_END, last))
        if part == "begin"
        else max(0, last - random.randint(0, _END))
    )


def _choose_block(random: random.Random, content: bytearray) -> tuple[int, int]:
    return _choose_place(random, content), random.choice((1, 4, 8, 64, 512, 4096))
