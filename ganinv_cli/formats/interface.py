"""What every format's reader is given and returns."""

from dataclasses import dataclass

from ganinv_cli.network.graph import Network


class UnreadableError(Exception):
    """Why what a file holds is no generator; `formats.read` adds the path for the user."""


@dataclass(frozen=True)
class Conventions:
    """What a file may not say of its generator: from files beside it, and from options.

    Empty: the file's own, or the usual one of its format, which is then said.
    """

    prior: str = ""  # where z comes from, as `prior.parsed` reads it
    range: str = ""  # tanh, sigmoid: what it ends in; or LOW,HIGH: it ends in neither
    activation: str = ""  # between the layers of a file of weights alone, as leaky_relu:0.2
    strides: tuple[int, ...] = ()  # of the convolutions of a file of weights alone
    padding: tuple[int, ...] = ()  # of these, as PyTorch counts it
    epsilon: tuple[float, ...] = ()  # of its batch norms: one for all, or one for each
    labels: int = -1  # how many it takes, as one-hot behind z; -1: not said
    trust: bool = False  # run what the file wants to be run

    def is_given(self, name: str) -> bool:
        """Whether a field was given."""
        return getattr(self, name) not in ("", (), -1)


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
