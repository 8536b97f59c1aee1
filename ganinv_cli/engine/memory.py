"""Memory that ran out, as a sentence."""

from ganinv_cli.errors import GaninvError


def out() -> GaninvError:
    """What is said where nothing smaller can be tried."""
    return GaninvError(
        "the device's memory ran out; free some, give a smaller --batch-size, or use another "
        "--device"
    )
