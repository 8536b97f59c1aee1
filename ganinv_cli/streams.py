"""The standard streams, which are always open."""

import io
import os
import sys


def prepare_streams() -> None:
    """Open the standard streams that are closed, and replace characters that stdout lacks."""
    open_missing_descriptors()
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "w" if number else "r", closefd=False))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


def open_missing_descriptors() -> None:
    """Open the null device as descriptor 0, 1 or 2 if it is closed.

    Else the next file that is opened would get its number, and what a library prints.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest free number
