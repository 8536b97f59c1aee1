"""Generators in the files of torch.save, read without PyTorch and without running anything."""

from pathlib import Path

from ganinv_cli.formats.interface import FileFacts, Format, UnfinishedGenerator
from ganinv_cli.formats.torch.archive import MAGIC_BYTES, read_torch_file
from ganinv_cli.formats.torch.networks import find_networks
from ganinv_cli.formats.weights import state_dict
from ganinv_cli.settings.conventions import Conventions


def read(path: Path, conventions: Conventions) -> UnfinishedGenerator:
    """Return the generator of a file with state dicts or whole modules, under any keys.

    If there are several generators, the one with ema in its name is read.
    """
    options = state_dict.ReadOptions(conventions, ordered=True)
    with path.open("rb") as file:
        torch_file = read_torch_file(file)
        networks = find_networks(torch_file)
        return state_dict.find_generator(networks, str(path), torch_file.format, options)


def _recognises(facts: FileFacts) -> bool:
    is_archive = any(f"/{name}".endswith("/data.pkl") for name in facts.members)
    return is_archive or MAGIC_BYTES in facts.first_bytes[:64]


FORMAT = Format("PyTorch", read, _recognises)
