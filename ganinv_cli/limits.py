"""Limits of numbers and sizes that are refused before memory is allocated for them."""

import errno
import math
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ganinv_cli.errors import OutOfMemoryError

MAX_NUMBER = 2**31 - 1  # of anything that an option or a setting counts, if no less is said
MAX_TRIALS = 2**31
MAX_BATCH_SIZE = 2**16  # rows; auto chooses at most 4,096
MAX_SEED = 2**32 - 1
MAX_WORKERS = 2**16  # of Ray, and cores of each
MAX_SNAPSHOTS = 1000  # columns of Figure 1
MAX_HISTORY = 1000  # pairs of moves and gradients per trial, and of a preconditioner's random z
MAX_PATIENCE = 100_000  # losses that are kept per trial
MAX_ARRAY_BYTES = 2**30  # of all arrays in a file of images or latent vectors, unpacked
MAX_SQUARE_LATENT = 1024  # components of z up to which each trial has a (latent, latent) matrix
MAX_DRAWN_VALUES = 2**27  # components of all z that are drawn together, 0.5 GiB
MAX_POINTS = 10_000  # random z of a measurement
MAX_TRAINING_BATCH = 2**13  # images
MAX_RATIO = 100  # unpacked size / stored size of weights
MAX_UNPACKED = 2**20  # bytes up to which that ratio is not checked
# of Python and the loader of libraries, which have no error of their own for it
_MEMORY_WORDS = ("can't start new thread", "failed to map segment", "cannot allocate memory")
# bytes of addresses (ulimit -v); with fewer, libraries loop or crash instead of raising an error
NUMPY_ADDRESSES = 768 << 20
TENSORFLOW_ADDRESSES = 4 << 30


def check_address_space(needed: int) -> None:
    """Raise OutOfMemoryError if the process may use fewer bytes of addresses than that."""
    if _is_address_space_below(needed):
        limit = resource.getrlimit(resource.RLIMIT_AS)[0]
        raise OutOfMemoryError(
            f"ulimit -v allows {limit >> 20:,} MB of addresses, and this needs {needed >> 20:,}; "
            "allow more, or limit the memory in another way, e.g. by a control group"
        )


def _is_address_space_below(needed: float) -> bool:
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return limit != resource.RLIM_INFINITY and limit < needed


def is_bomb(unpacked: int, stored: int) -> bool:
    """Return whether bytes that unpack to so many hold no weights, which hardly compress."""
    return unpacked > max(MAX_UNPACKED, MAX_RATIO * stored)


@contextmanager
def explain_memory_errors() -> Iterator[None]:
    """Turn each error that means too little memory into an OutOfMemoryError."""
    try:
        yield
    except Exception as error:
        if _is_out_of_memory(error):
            raise OutOfMemoryError(
                "the memory that ganinv may use ran out; free some, allow more (ulimit -v), or "
                "give fewer or smaller things at once, e.g. a smaller --batch-size"
            ) from error
        raise


def _is_out_of_memory(error: Exception) -> bool:
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow and isinstance(error, tensorflow.errors.ResourceExhaustedError):
        return True
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return True
    if isinstance(error, SystemError):  # a failed allocation in C code, or a bug
        return _is_address_space_below(math.inf)
    return isinstance(error, MemoryError) or any(words in str(error) for words in _MEMORY_WORDS)
