"""Give up what root may do to any file, as in a process of another user."""

import ctypes
import os
import struct

_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
_OVERRIDES = (1 << 1) | (1 << 2) | (1 << 3)  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER


def drop_rights() -> None:
    """Let the permissions of files bind this process and its children, though it is root's."""
    if os.geteuid():
        return  # they do
    library = ctypes.CDLL(None, use_errno=True)
    header = struct.pack("Ii", _VERSION, 0)
    data = ctypes.create_string_buffer(24)  # of 64 bits: effective, permitted, inheritable
    _check(library.capget(header, data))
    sets = list(struct.unpack("6I", data.raw))
    sets[:3] = [each & ~_OVERRIDES for each in sets[:3]]
    _check(library.capset(header, struct.pack("6I", *sets)))


def _check(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), "rights cannot be dropped")
