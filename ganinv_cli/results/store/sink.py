"""The file that HDF5 writes: its errors are raised later, since HDF5 aborts if a write fails."""

import io
import os
from pathlib import Path


class Sink(io.RawIOBase):
    """A new file for reading and writing, in which nothing more is written after an error."""

    def __init__(self, path: Path) -> None:
        """Raises OSError."""
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o666)
        self._place = self._size = 0
        self._error: OSError | None = None

    def close(self) -> None:
        """Close the file. Raises the OSError of the first write that failed."""
        if not self.closed:
            os.close(self._descriptor)
        super().close()
        if self._error:
            raise self._error

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Go to a place in the file."""
        starts = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: self._size}
        self._place = starts[whence] + offset
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Read as many bytes as the buffer holds; 0 stands for those that are not in the file."""
        content = os.pread(self._descriptor, len(buffer), self._place)
        buffer[:] = content.ljust(len(buffer), b"\0")
        self._place += len(buffer)
        return len(buffer)

    def write(self, content: memoryview) -> int:  # type: ignore[override]
        """Write all of the content, unless a write has failed."""
        left, place = memoryview(content).cast("B"), self._place
        self._place += len(left)
        self._size = max(self._size, self._place)
        try:
            while left and not self._error:
                written = os.pwrite(self._descriptor, left, place)
                left, place = left[written:], place + written
        except OSError as error:
            self._error = error
        return len(content)

    def truncate(self, size: int | None = None) -> int:
        """Change the size of the file."""
        self._size = self._place if size is None else size
        try:
            if not self._error:
                os.ftruncate(self._descriptor, self._size)
        except OSError as error:
            self._error = error
        return self._size
