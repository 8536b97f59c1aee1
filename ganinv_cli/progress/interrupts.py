"""Ctrl-C, SIGTERM and the like, answered while TensorFlow's C++ code runs too.

Python calls a signal handler between two of its own instructions, so not before a call of C++
returns. A thread is therefore woken through `signal.set_wakeup_fd`, and answers meanwhile.
"""

import contextlib
import math
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum, auto
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGXCPU)
# Of these, sent more than once for one reason: a terminal that is closed, processor time that is
# used up. They never count as a second signal.
REPEATED = frozenset({signal.SIGHUP, signal.SIGXCPU})
EXIT_CODE = 130
GRACE_SECONDS = 1.0  # for Python to end the process itself, if nothing has to be saved
REPEAT_SECONDS = 0.3  # timeout, make and others pass a signal on that has reached all processes
STOPPING = "stopping; saving what has finished (Ctrl-C again stops at once)"
SHOW_CURSOR = "\r\x1b[2K\x1b[?25h"  # and clear the line


class Answer(Enum):
    """What the first signal does."""

    END = auto()  # raise KeyboardInterrupt; end the process soon, since nothing has to be saved
    SAVE = auto()  # raise KeyboardInterrupt as soon as C++ returns, and wait for what is saved
    DEFER = auto()  # `raise_if_requested` raises KeyboardInterrupt


class Interrupts:
    """The signal handler of a command. Its first signal interrupts, its second ends the process.

    A signal that comes at once after the first is the same one, sent twice.
    """

    def __init__(self) -> None:
        self.answer = Answer.END
        self.requested = False
        self.say: Callable[[str], None] = lambda sentence: None  # shows the user a message
        self.describe: Callable[[], str] = lambda: ""  # returns the last message
        self.lock = threading.Lock()  # held while a message is shown, and to change who shows it
        self._handled = False
        self._stream = -1  # file descriptor of stderr
        self._timer = threading.Timer(GRACE_SECONDS, self._end_process)

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Raise KeyboardInterrupt in the main thread, once, unless that is deferred."""
        self.requested = True
        if not self._handled and self.answer is not Answer.DEFER:
            self._handled = True
            # It may come in a callback of a library, which Python would print and go on.
            sys.unraisablehook = lambda unraisable: None
            raise KeyboardInterrupt

    def raise_if_requested(self) -> None:
        """Raise KeyboardInterrupt if it was deferred, or some library caught it."""
        if self.requested:
            self._handled = True
            raise KeyboardInterrupt

    @contextmanager
    def install(self) -> Iterator[None]:
        """Handle SIGNALS, unless they are ignored, as by nohup; after one, end the process."""
        handlers = {
            number: handler
            for number in SIGNALS
            if (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None)
        }
        # A signal that comes before `try` waits, so that it ends the process as any other does.
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, handlers)
        receiver, sender = socket.socketpair()
        sender.setblocking(False)
        self._stream = os.dup(2)
        self._timer.daemon = True
        for number in handlers:
            signal.signal(number, self)
        old_descriptor = signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
        watcher = threading.Thread(
            target=self._watch, args=(receiver, bytes(handlers)), name="interrupts", daemon=True
        )
        watcher.start()
        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            yield
        finally:
            self._handled = True  # a signal that comes now interrupts nothing, and ends the process
            signal.set_wakeup_fd(old_descriptor)
            sender.close()
            watcher.join()
            receiver.close()
            self._timer.cancel()
            if self.requested:
                _flush()
                os._exit(EXIT_CODE)  # Python takes seconds to unload TensorFlow
            for number, handler in handlers.items():
                # Python takes a moment to end, in which it would print KeyboardInterrupt.
                ends = handler is signal.default_int_handler
                signal.signal(number, signal.SIG_DFL if ends else handler)
            os.close(self._stream)

    def _watch(self, receiver: socket.socket, numbers: bytes) -> None:
        """Answer each of the signals `numbers`, until the other end of the socket is closed."""
        first = math.inf
        while number := receiver.recv(1):
            if number not in numbers:
                continue
            now = time.monotonic()
            if first == math.inf:
                first = now
                self._answer_first()
            elif now - first > REPEAT_SECONDS and number[0] not in REPEATED:
                self._end_process()

    def _answer_first(self) -> None:
        self.requested = True
        if self.answer is Answer.END:
            self._timer.start()
        else:
            with self.lock:
                self.say(STOPPING)

    def _end_process(self) -> None:
        """End the process at once."""
        message = self.describe()
        clear = SHOW_CURSOR if os.isatty(self._stream) else ""
        with contextlib.suppress(OSError):
            os.write(self._stream, f"{clear}{message and message + os.linesep}".encode())
        os._exit(EXIT_CODE)


@contextmanager
def handle_interrupts() -> Iterator[None]:
    """Handle the signals of this process until the end of the block, then end it after one.

    Later, Ctrl-C ends it at once, as other signals do.
    """
    with Interrupts().install():
        yield


@contextmanager
def describe_interrupts(
    say: Callable[[str], None], describe: Callable[[], str]
) -> Iterator[Interrupts]:
    """Yield what handles signals, and show its messages with `say`, the last from `describe`.

    Without a command, as when Python calls, that is nothing: Python raises KeyboardInterrupt.
    """
    interrupts = _find_installed() or Interrupts()
    before = interrupts.say, interrupts.describe, interrupts.answer
    interrupts.say, interrupts.describe = say, describe
    try:
        yield interrupts
    except KeyboardInterrupt:
        say(describe())
        raise
    finally:
        with interrupts.lock:
            interrupts.say, interrupts.describe, interrupts.answer = before


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):
            stream.flush()


def _find_installed() -> Interrupts | None:
    handlers = (signal.getsignal(number) for number in SIGNALS)
    return next((handler for handler in handlers if isinstance(handler, Interrupts)), None)
