"""What every format's reader returns, raises and obeys."""

from dataclasses import dataclass

from ganinv_cli.network.graph import Network

# limits of a generator of images, checked before any of its weights is read
MAX_WEIGHTS = 100_000_000  # the paper's has 5 million
MAX_LATENT = 1 << 14
MIN_SIDE, MAX_SIDE = 4, 1024  # pixels
MAX_VALUES = 1 << 26  # in a layer's output for one image; the paper's largest has 65,536


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
