"""Generators in the files of torch.save, read without PyTorch and without running anything."""

from pathlib import Path

from ganinv_cli.formats.reading import Conventions, Found
from ganinv_cli.formats.torch.archive import opened
from ganinv_cli.formats.torch.tree import networks
from ganinv_cli.formats.weights import state_dict


def read(path: Path, conventions: Conventions) -> Found:
    """The generator of a file with state dicts or whole modules, under whatever keys.

    Where there are several generators, the one with ema in its name. Raises UnreadableError.
    """
    with opened(path) as saved:
        reading = state_dict.Reading(conventions, ordered=True)
        return state_dict.found(networks(saved), str(path), saved.format, reading)
