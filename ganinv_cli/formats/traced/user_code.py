"""Code of a generator's file, which is run only if the file is trusted: its modules, its errors."""

import re
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path

from ganinv_cli.errors import to_printable
from ganinv_cli.formats.interface import UnreadableError

EXPORT_ADVICE = (
    "; export it where its code is, as a SavedModel (model.export), or name a .py file that makes "
    "the generator"
)


@contextmanager
def run_beside(path: Path) -> Iterator[None]:
    """Let the body import the modules beside a file; those are forgotten at the end.

    What the body prints goes to stderr, as stdout is for results.
    """
    folder, known = path.absolute().parent, set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.path.remove(str(folder))
        for name in sys.modules.keys() - known:
            top = name.partition(".")[0]
            if top not in known and ((folder / top).is_dir() or (folder / f"{top}.py").is_file()):
                del sys.modules[name]


@contextmanager
def explain_errors(
    failure: str,
    error_type: type[Exception] = UnreadableError,
    advice: str = EXPORT_ADVICE,
    max_length: int = 200,
    folder: Path | None = None,
) -> Iterator[None]:
    """Raise what the body raises as an error of ours, in one sentence.

    To be put around calls of a framework or of a user's code alone, which may raise anything. The
    sentence names the last line in the `folder` that was run.
    """
    try:
        yield
    except (UnreadableError, error_type):
        raise
    except (Exception, SystemExit) as error:
        kind, text = type(error).__name__, str(error)
        if text.startswith("in user code:"):  # of tf.function, with lines of its own
            text = text.rpartition(f"{kind}: ")[2]
        reason = " ".join(to_printable(text.replace("\n", " ")).split())[:max_length]
        place = _find_line(error, folder) if folder else ""
        raise error_type(f"{failure} ({place}{kind}: {reason}){advice}") from None


def _find_line(error: BaseException, folder: Path) -> str:
    """Return the file and line of a folder where an error was raised, or nothing."""
    if isinstance(error, SyntaxError):
        return ""  # the message has them
    frames = [(each.filename, each.lineno) for each in traceback.extract_tb(error.__traceback__)]
    frames += re.findall(r'File "([^"]*)", line (\d+), in', str(error))
    lines = [
        f"{to_printable(Path(file).name)[:80]} line {line}: "
        for file, line in frames
        if Path(file).absolute().parent == folder.absolute()
    ]
    return lines[-1] if lines else ""
