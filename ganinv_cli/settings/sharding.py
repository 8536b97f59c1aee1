"""One of so many equal parts of a run, for tasks of a batch scheduler that know of no other."""

from typing import TYPE_CHECKING, NamedTuple

from ganinv_cli.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

BLOCK = 8  # numbers in a row that stay together


class Shard(NamedTuple):
    """Every `of`-th block of numbers; the same whatever their last one is."""

    number: int = 1  # from 1
    of: int = 1

    def has(self, numbers: "np.ndarray", block: int = BLOCK) -> "np.ndarray":
        """Which of some trials or images, from 0, are of this part: bool (numbers,)."""
        of_this: np.ndarray = numbers // block % self.of == self.number - 1
        return of_this


WHOLE = Shard()


def parsed(text: str) -> Shard:
    """`2/4` is the second of four parts; an empty text is all there is. Raises ConfigError."""
    if not text:
        return WHOLE
    number, slash, of = text.partition("/")
    if not (slash and number.isdecimal() and of.isdecimal()):
        raise ConfigError(f"shard = {text!r}: give a part and their number, such as 1/4")
    shard = Shard(int(number), int(of))
    if not 1 <= shard.number <= shard.of:
        raise ConfigError(f"shard = {text!r}: the parts of {of} are 1/{of} to {of}/{of}")
    return shard
