"""How far a measurement of a generator is: the code that measures says it, a display shows it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TypeVar

Item = TypeVar("Item")
_show: ContextVar[Callable[[str], None]] = ContextVar("show")  # not set: nothing is shown


@contextmanager
def show_measurements(show: Callable[[str], None]) -> Iterator[None]:
    """Until exit, call `show` with what is measured, e.g. "measuring J at 12/40 random z".

    Threads do so if they run in a copy of the context; other processes do not.
    """
    token = _show.set(show)
    try:
        yield
    finally:
        _show.reset(token)


def count_steps(steps: Sequence[Item], text: str) -> Iterator[Item]:
    """Yield the steps of a measurement, and show each with `text`, in which {} is the count."""
    show = _show.get(None)
    for number, step in enumerate(steps, start=1):
        if show:
            show(text.format(f"{number}/{len(steps)}"))
        yield step
