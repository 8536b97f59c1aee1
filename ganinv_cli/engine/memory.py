"""Memory that ran out, as a sentence."""

from ganinv_cli.errors import GaninvError


def make_out_of_memory_error() -> GaninvError:
    """What is said where nothing smaller can be tried."""
    return GaninvError(
        "the device's memory ran out; free some, give a smaller --batch-size, or use another "
        "--device"
    )
