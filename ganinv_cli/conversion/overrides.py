"""What must be said beside a generator that is written, so that it is read as the same one."""

from ganinv_cli.conversion.destination import Destination
from ganinv_cli.errors import UsageError
from ganinv_cli.formats.generator_toml import read_conventions
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.prior import parse_prior
from ganinv_cli.settings.conventions import WEIGHTS_ONLY, Conventions

WRITTEN_RANGES = {True: "-1,1", False: "tanh"}  # of what is written, by whether it is a Keras model


def format_overrides(checkpoint: Checkpoint, destination: Destination) -> str:
    """The content of its own TOML file; "" where nothing need be said.

    That goes before what the folder says of all generators in it, so nothing that is there is
    changed. Raises UsageError where what is there cannot be gone before.
    """
    existing, files = _read_existing(destination)
    misplaced = [name for name in WEIGHTS_ONLY if existing.is_given(name)]
    if misplaced and not destination.is_keras:
        raise UsageError(
            f"{' and '.join(files)} says {' and '.join(misplaced)}, which are not those of what is "
            f"written to {destination.path}; name another folder"
        )
    lines = []
    if (
        parse_prior(existing.prior) if existing.prior else destination.default_prior
    ) != checkpoint.prior:
        lines.append(f'prior = "{checkpoint.prior}"')
    if existing.range not in ("", WRITTEN_RANGES[destination.is_keras]):
        lines.append(f'range = "{WRITTEN_RANGES[destination.is_keras]}"')
    has_file = (destination.folder / destination.convention_file).exists()
    if lines and (has_file or (destination.owns_folder and files)):
        conflicting_file = (
            destination.folder / destination.convention_file if has_file else files[0]
        )
        raise UsageError(
            f"{conflicting_file} says otherwise of what is written to {destination.path}, for "
            "which it must say "
            f"{' and '.join(lines)}; change it, or name another place"
        )
    return "".join(f"{line}\n" for line in lines)


def _read_existing(destination: Destination) -> tuple[Conventions, tuple[str, ...]]:
    """What is said there already, and by which files."""
    if not destination.owns_folder:
        return read_conventions(destination.path, Conventions())
    if not destination.folder.is_dir():
        return Conventions(), ()
    return read_conventions(destination.folder.absolute(), Conventions())  # a name, where it is "."
