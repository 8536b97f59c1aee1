"""Share cases among threads, each of which drives a process of its own."""

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from queue import Empty, SimpleQueue
from typing import Protocol, TypeVar


class Closable(Protocol):
    """What a thread works with, until it is closed."""

    def close(self) -> None:
        """End it."""


T = TypeVar("T")
W = TypeVar("W", bound=Closable)


def share_cases(
    cases: Sequence[T],
    open_bench: Callable[[int], W],
    work: Callable[[W, T], None],
    workers: int,
    often: Callable[[], None] = lambda: None,
) -> None:
    """Call `work` for each case, with the bench of the thread that takes it.

    The first error of a thread ends all of them, and is raised again.
    """
    queue: SimpleQueue[T] = SimpleQueue()
    for case in cases:
        queue.put(case)
    errors: list[BaseException] = []

    def drive(number: int) -> None:
        try:
            with closing(open_bench(number)) as bench:
                while not errors:
                    work(bench, queue.get_nowait())
        except Empty:
            pass
        except BaseException as error:
            errors.append(error)

    threads = [
        threading.Thread(target=drive, args=(number,), daemon=True)
        for number in range(min(workers, len(cases)))
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        time.sleep(0.2)
        often()
    if errors:
        raise errors[0]
