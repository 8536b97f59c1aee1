"""What a format is: how it recognises a file, what its reader returns and raises, and limits."""

import re
import zipfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path

from ganinv_cli.generators.network.definition import Convention
from ganinv_cli.generators.network.graph import Network, TracedNetwork
from ganinv_cli.settings.conventions import Conventions

# limits of a generator of images, checked before any of its weights is read
MAX_WEIGHTS = 100_000_000  # the paper's has 5 million
MAX_LATENT = 1 << 14
MIN_SIDE, MAX_SIDE = 4, 1024  # pixels
MAX_VALUES = 1 << 26  # in a layer's output for one image; the paper's largest has 65,536
_GIVE_GENERATOR = "give the generator, e.g. netG.pth"
DISCRIMINATOR = f"is a discriminator: it takes images and returns one number; {_GIVE_GENERATOR}"
GRAPH_FILE = "saved_model.pb"  # in the folder of a SavedModel
TORCH_SCRIPT = "/constants.pkl"  # in a file of TorchScript; the others are in torch.export's
TORCH_PROGRAMS = (TORCH_SCRIPT, "/serialized_exported_program.json", "/models/model.json")
TORCH_MAGIC = 0x1950A86A20F9469CFC6C  # the first pickle of torch.save before PyTorch 1.6
IN_SEQUENCE = "its layers follow one another"  # assumed if shapes and numbers do not prove it
IMAGE_NETWORK = (
    f"is a discriminator or an encoder: it takes images and makes none; {_GIVE_GENERATOR}"
)


def is_image_shape(shape: tuple[int | None, ...]) -> bool:
    """Return whether the rows of an input are images and not latent vectors, by their shape."""
    if len(shape) != 3:
        return False
    first, second, third = (size or 0 for size in shape)
    sides = (second, third) if first in (1, 3) else (first, second)
    return min(sides) > 1 and (first in (1, 3) or third in (1, 3))


class UnreadableError(Exception):
    """Raised if no generator can be read from a file; `formats.read` adds the path.

    `layer` is the first one that does not fit those before it, if that is the reason.
    """

    def __init__(self, sentence: str, layer: str = "") -> None:
        super().__init__(sentence)
        self.layer = layer


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
    notes: tuple[str, ...] = ()  # properties that limit what can be recovered, one clause each


@dataclass(frozen=True)
class FileFacts:
    """Facts by which a format recognises a file; each is read when it is first needed."""

    path: Path  # a file, a folder, or the common prefix of several files

    @cached_property
    def is_file(self) -> bool:
        return self.path.is_file()

    @cached_property
    def first_bytes(self) -> bytes:
        """The first 16 KiB of a file."""
        if not self.is_file:
            return b""
        with self.path.open("rb") as file:
            return file.read(1 << 14)

    @property
    def is_torch_stream(self) -> bool:
        """Whether it is a file of torch.save before PyTorch 1.6."""
        return TORCH_MAGIC.to_bytes(10, "little") in self.first_bytes[:64]

    @property
    def is_zip(self) -> bool:
        return self.first_bytes.startswith(b"PK\x03\x04")

    @cached_property
    def members(self) -> tuple[str, ...]:
        """Names in a zip archive, none in other files. Raises BadZipFile if it is damaged."""
        if not self.is_zip:
            return ()
        with zipfile.ZipFile(self.path) as archive:
            return tuple(archive.namelist())

    def has_member(self, *endings: str) -> bool:
        """Return whether a name in a zip archive, after a slash, has one of the endings."""
        return any(f"/{name}".endswith(endings) for name in self.members)

    @property
    def is_hdf5(self) -> bool:
        return self.first_bytes.startswith(b"\x89HDF\r\n\x1a\n")

    @property
    def is_safetensors(self) -> bool:
        """Whether it starts with the length of a JSON object that fits into the file."""
        length = int.from_bytes(self.first_bytes[:8], "little")
        return self.first_bytes[8:9] == b"{" and length <= self.path.stat().st_size


@dataclass(frozen=True)
class Format:
    """A format of files; `formats.FORMATS` has all of them."""

    title: str  # of its files in messages
    module: str  # of ganinv_cli.generators.formats, which has its `read`
    recognises: Callable[[FileFacts], bool]  # may raise CheckpointError for a missing file
    is_whole_model: bool = True  # states its layers, so options cannot
    needs_tensorflow: bool = True  # to read a file, also one that is refused

    def read(self, path: Path, conventions: Conventions) -> UnfinishedGenerator:
        """Return the generator of a file. Raises as `formats.boundary` says.

        The module is loaded now, because most load TensorFlow or Keras.
        """
        module = import_module(f"ganinv_cli.generators.formats.{self.module}")
        generator: UnfinishedGenerator = module.read(path, conventions)
        return generator


def natural_key(name: str) -> list[tuple[int, str]]:
    """Return a sort key that orders numbers in names by value: main.3 before main.10."""
    parts = re.split(r"([0-9]{1,9})", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def format_names(names: Collection[str], most: int = 6) -> str:
    """Return the first few names, sorted, and how many more there are."""
    shown = [name[:80] for name in sorted(names)[:most]]
    more = len(names) - len(shown)
    return (", ".join(shown) or "nothing") + (f" and {more} more" if more > 0 else "")
