"""One of so many equal parts of a run, for tasks of a batch scheduler that know of no other."""

from typing import TYPE_CHECKING, NamedTuple

from ganinv_cli.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

BLOCK_SIZE = 8  # numbers in a row that stay together


class Shard(NamedTuple):
    """Every `of`-th block of numbers; the same whatever their last one is."""

    number: int = 1  # from 1
    total: int = 1

    def contains(self, numbers: "np.ndarray", block: int = BLOCK_SIZE) -> "np.ndarray":
        """Which of some trials or images, from 0, are of this part: bool (numbers,)."""
        selected: np.ndarray = numbers // block % self.total == self.number - 1
        return selected


UNSHARDED = Shard()


def parse_shard(text: str) -> Shard:
    """`2/4` is the second of four parts; an empty text is all there is. Raises ConfigError."""
    if not text:
        return UNSHARDED
    number, slash, total = text.partition("/")
    if not (slash and number.isdecimal() and total.isdecimal()):
        raise ConfigError(f"shard = {text!r}: give a part and their number, such as 1/4")
    shard = Shard(int(number), int(total))
    if not 1 <= shard.number <= shard.total:
        raise ConfigError(
            f"shard = {text!r}: the parts of {total} are 1/{total} to {total}/{total}"
        )
    return shard
