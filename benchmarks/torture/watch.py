"""Notice whether a file is opened, by any means, with Linux's inotify."""

import ctypes
import os
from pathlib import Path

_OPEN = 0x20  # IN_OPEN
_NONBLOCK = 0o4000  # IN_NONBLOCK


class Watch:
    """Watches one file, until it is closed."""

    def __init__(self, path: Path) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        self._descriptor = library.inotify_init1(_NONBLOCK)
        if self._descriptor < 0 or (
            library.inotify_add_watch(self._descriptor, os.fsencode(path), _OPEN) < 0
        ):
            raise OSError(ctypes.get_errno(), "inotify is not available", str(path))

    def was_opened(self) -> bool:
        """Return whether the file was opened since the last call."""
        try:
            return bool(os.read(self._descriptor, 1 << 16))
        except BlockingIOError:
            return False

    def close(self) -> None:
        os.close(self._descriptor)
