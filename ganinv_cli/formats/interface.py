"""Return value, error and limits of every format's reader."""

from dataclasses import dataclass

from ganinv_cli.network.convention import Convention
from ganinv_cli.network.graph import Network
from ganinv_cli.network.traced_network import TracedNetwork

# limits of a generator of images, checked before any of its weights is read
MAX_WEIGHTS = 100_000_000  # the paper's has 5 million
MAX_LATENT = 1 << 14
MIN_SIDE, MAX_SIDE = 4, 1024  # pixels
MAX_VALUES = 1 << 26  # in a layer's output for one image; the paper's largest has 65,536
_GIVE_GENERATOR = "give the generator's file, e.g. netG.pth"
DISCRIMINATOR = f"is a discriminator: it takes images and returns one number; {_GIVE_GENERATOR}"
CHAIN = "its layers follow one another"  # assumed if shapes and numbers do not prove it
IMAGE_NETWORK = (
    f"is a discriminator or an encoder: it takes images and makes none; {_GIVE_GENERATOR}"
)


def is_image_shape(shape: tuple[int | None, ...]) -> bool:
    """Return whether the rows of an input are images and not latent vectors, by their shape."""
    if len(shape) != 3:
        return False
    first, second, third = (size or 0 for size in shape)
    is_channels_last = third in (1, 3) and min(first, second) > 1
    return is_channels_last or (first in (1, 3) and min(second, third) > 1)


class UnreadableError(Exception):
    """Raised if no generator can be read from a file; `formats.read` adds the path."""


@dataclass(frozen=True)
class UnfinishedGenerator:
    """A generator as a reader returns it."""

    network: Network | TracedNetwork  # from z to the image, batch norms not yet folded
    format: str  # such as "TensorFlow V2"
    layout: str  # variant within the format, such as "C"
    path: str  # the file, or the prefix of the files, that was read
    ignored: tuple[str, ...] = ()  # names in the file that are not the generator's
    assumed: tuple[str, ...] = ()  # assumptions, one clause each, with the option to change it
    conventions: tuple[Convention, ...] = ()  # from z to the image
    prior: str = ""  # prior of z, if the format states it; empty: standard normal
    notes: tuple[str, ...] = ()  # what a user should know before a run, one clause each
