"""Ctrl-C, SIGTERM and SIGHUP: end a command, or let a run save what has finished."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
EXIT_CODE = 130
REPEAT_SECONDS = 0.3  # timeout, make and others pass a signal on that has reached all processes
STOPPING = "stopping; saving what has finished (Ctrl-C again stops at once)"
SHOW_CURSOR = b"\x1b[?25h\n"  # which a live line hides


def handle_signals() -> AbstractContextManager[None]:
    """Until exit, raise KeyboardInterrupt at SIGTERM and SIGHUP too, unless they are ignored.

    A second signal ends the process.
    """
    return _handle(signal.default_int_handler)


@contextmanager
def stop_on_signals(say: Callable[[str], None]) -> Iterator[threading.Event]:
    """Yield an event that the first signal sets, until exit; `say` shows the user what happens.

    A second signal ends the process at once. Outside the main thread, no signal is handled. Do not
    wait for the event in the main thread, whose lock the handler may then need.
    """
    stop = threading.Event()
    # In another thread, since this one may hold a lock of the display.
    speaker = threading.Thread(target=say, args=(STOPPING,), daemon=True)

    def request_stop(number: int, frame: FrameType | None) -> None:
        stop.set()
        speaker.start()

    is_command = signal.getsignal(signal.SIGINT) is not signal.default_int_handler
    with _handle(request_stop, ends_process=is_command):
        try:
            yield stop
        finally:
            if speaker.ident:  # it was started
                speaker.join()  # before a display that it uses is closed


@contextmanager
def _handle(
    answer: Callable[[int, FrameType | None], None], ends_process: bool = True
) -> Iterator[None]:
    """Call `answer` at the first signal; at a later one end the process, or raise an interrupt."""
    first = 0.0

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal first
        now = time.monotonic()
        if not first:
            first = now
            answer(number, frame)
        elif now - first > REPEAT_SECONDS and number != signal.SIGHUP:  # a shell repeats SIGHUP
            if not ends_process:
                raise KeyboardInterrupt
            if sys.stderr and sys.stderr.isatty():
                os.write(2, SHOW_CURSOR)
            os._exit(EXIT_CODE)

    is_main = threading.current_thread() is threading.main_thread()
    handlers = {number: signal.getsignal(number) for number in SIGNALS if is_main}
    replaced = {n: each for n, each in handlers.items() if each not in (signal.SIG_IGN, None)}
    for number in replaced:
        signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in replaced.items():
            signal.signal(number, handler)
