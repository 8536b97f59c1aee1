"""Programs on a terminal of their own, 80 by 24: what they show, and how they answer keys."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


class Terminal:
    """A process whose standard streams are a terminal."""

    def __init__(self, folder: Path, *arguments: object) -> None:
        """Start Python with arguments, e.g. `-m ganinv_cli recover`."""
        self._process, self._descriptor = pty.fork()
        if not self._process:
            os.chdir(folder)
            os.execv(sys.executable, [sys.executable, *map(str, arguments)])
        size = struct.pack("HHHH", 24, 80, 0, 0)
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, size)
        self._shown = b""

    @property
    def text(self) -> str:
        """All that was shown until now, without colours and movements of the cursor."""
        return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self._shown.decode(errors="replace"))

    def wait_for(self, text: str, seconds: float) -> None:
        """Wait until a text is shown."""
        end = time.monotonic() + seconds
        while text not in self.text:
            assert time.monotonic() < end, self.text
            assert self._read(0.1), self.text

    def hang_up(self) -> int:
        """Close the terminal, and pass SIGHUP on as a shell does; return the exit status."""
        os.close(self._descriptor)
        self._descriptor = -1
        time.sleep(0.5)
        os.kill(self._process, signal.SIGHUP)
        _, status = os.waitpid(self._process, 0)
        self._process = 0
        return os.waitstatus_to_exitcode(status)

    def close(self) -> None:
        """Kill the process if it runs."""
        if self._process:
            os.kill(self._process, signal.SIGKILL)
            os.waitpid(self._process, 0)
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def _read(self, seconds: float) -> bool:
        """Read what is shown within some time; return whether there may be more."""
        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        if not ready:
            return True
        try:
            shown = os.read(self._descriptor, 65536)
        except OSError:  # the process has ended
            return False
        self._shown += shown
        return bool(shown)


@pytest.fixture
def start_on_terminal(tmp_path: Path) -> Iterator[Callable[..., Terminal]]:
    """Return a function that starts Python with arguments in the test's own folder."""
    terminals: list[Terminal] = []

    def start(*arguments: object) -> Terminal:
        terminals.append(Terminal(tmp_path, *arguments))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()
