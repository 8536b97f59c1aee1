"""What must be said beside a generator that is written, so that it is read as the same one."""

from ganinv_cli.conversion.destination import Destination
from ganinv_cli.errors import UsageError
from ganinv_cli.formats import OF_WEIGHTS, conventions
from ganinv_cli.formats.reading import Conventions
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.prior import parsed

RANGES = {True: "-1,1", False: "tanh"}  # of what is written, by whether it is a Keras model


def own(checkpoint: Checkpoint, place: Destination) -> str:
    """The content of its own TOML file; "" where nothing need be said.

    That goes before what the folder says of all generators in it, so nothing that is there is
    changed. Raises UsageError where what is there cannot be gone before.
    """
    said, files = _said(place)
    told = [name for name in OF_WEIGHTS if said.says(name)]
    if told and not place.keras:
        raise UsageError(
            f"{' and '.join(files)} says {' and '.join(told)}, which are not those of what is "
            f"written to {place.path}; name another folder"
        )
    lines = []
    if (parsed(said.prior) if said.prior else place.usual) != checkpoint.prior:
        lines.append(f'prior = "{checkpoint.prior}"')
    if said.range not in ("", RANGES[place.keras]):
        lines.append(f'range = "{RANGES[place.keras]}"')
    there = (place.folder / place.told).exists()
    if lines and (there or (place.whole and files)):
        blamed = place.folder / place.told if there else files[0]
        raise UsageError(
            f"{blamed} says otherwise of what is written to {place.path}, for which it must say "
            f"{' and '.join(lines)}; change it, or name another place"
        )
    return "".join(f"{line}\n" for line in lines)


def _said(place: Destination) -> tuple[Conventions, tuple[str, ...]]:
    """What is said there already, and by which files."""
    if not place.whole:
        return conventions.beside(place.path, Conventions())
    if not place.folder.is_dir():
        return Conventions(), ()
    return conventions.beside(place.folder.absolute(), Conventions())  # a name, where it is "."
