"""What every format's reader is given and returns."""

from dataclasses import dataclass

from ganinv_cli.network.graph import Network


class UnreadableError(Exception):
    """Why what a file holds is no generator; `formats.read` adds the path for the user."""


@dataclass(frozen=True)
class UnfinishedGenerator:
    """A generator as a reader found it."""

    network: Network  # from z to what it makes, batch norms not yet folded
    format: str  # such as "TensorFlow V2"
    layout: str  # such as "C"; what tells apart the layouts of one format
    path: str  # the file, or the prefix of the files, that was read
    ignored: tuple[str, ...] = ()  # names in the file that are not the generator's
    assumed: tuple[str, ...] = ()  # what the file does not say, a clause each, with its option
    prior: str = ""  # that of z, where the format says; empty: a standard normal is usual
