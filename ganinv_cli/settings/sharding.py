"""Shards: equal parts of a run, for independent tasks of a batch scheduler."""

import re
from typing import TYPE_CHECKING, NamedTuple

from ganinv_cli.errors import ConfigError

if TYPE_CHECKING:
    import numpy as np

BLOCK_SIZE = 8  # consecutive numbers that are in the same shard


class Shard(NamedTuple):
    """Every `total`-th block of trial numbers, whatever the number of trials."""

    number: int = 1  # from 1
    total: int = 1

    def contains(self, numbers: "np.ndarray", block: int = BLOCK_SIZE) -> "np.ndarray":
        """Return which trials or images, numbered from 0, are in this shard: bool (numbers,)."""
        selected: np.ndarray = numbers // block % self.total == self.number - 1
        return selected


UNSHARDED = Shard()


def parse_shard(text: str) -> Shard:
    """Return the shard for a text such as `2/4`, or UNSHARDED for none. Raises ConfigError."""
    if not text:
        return UNSHARDED
    parts = re.fullmatch("([0-9]{1,9})/([0-9]{1,9})", text)
    shard = Shard(*map(int, parts.groups())) if parts else None
    if shard is None or not 1 <= shard.number <= shard.total:
        raise ConfigError(f"shard = {text!r}: give the number of the part and of all, e.g. 1/4")
    return shard
