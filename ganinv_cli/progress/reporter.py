"""The interface to whatever shows the progress of a command or of a call from Python."""

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ganinv_cli.experiments.progress import RunProgress


class Reporter(Protocol):
    """Shows messages and progress."""

    def say(self, sentence: str) -> None:
        """Show a message once."""

    def enter(self, phase: str) -> None:
        """Show what happens from now on, e.g. "loading TensorFlow"."""

    def show(self, progress: "RunProgress") -> None:
        """Show the progress of the trials."""


class _Silent:
    def say(self, sentence: str) -> None: ...

    def enter(self, phase: str) -> None: ...

    def show(self, progress: "RunProgress") -> None: ...


SILENT: Reporter = _Silent()  # shows nothing
