"""Standard streams that are closed are opened; a failure to print ends a command in one line."""

import os
import subprocess
import sys

import pytest

PREPARED = "import os, sys\nfrom ganinv_cli.streams import *\nprepare_streams()\n"


def _run_in_shell(*arguments: str, redirection: str, **environment: str) -> tuple[int, str, str]:
    """Run Python with a redirection; return its status, stdout and stderr."""
    run = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **environment},
    )
    return run.returncode, run.stdout, run.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_opened_and_no_file_gets_their_numbers(closed, tmp_path):
    body = (
        f"file = open({str(tmp_path / 'file')!r}, 'w')\n"
        "file.write(f'{file.fileno() > 2} {sys.stdin.read()!r}')\n"
        "print('result'); print('progress', file=sys.stderr)\n"
        "os.write(2, b'a log of C++')\n"
    )
    code, out, err = _run_in_shell("-c", PREPARED + body, redirection=f"</dev/null {closed}")
    assert (code, (tmp_path / "file").read_text()) == (0, "True ''")
    assert (out == "") is (">&-" in closed.replace("2>&-", ""))
    assert (err == "") is ("2>&-" in closed)


def test_characters_that_the_encoding_lacks_are_replaced():
    body = "import click\nclick.echo('‖ over')"
    code, out, _ = _run_in_shell(
        "-c", PREPARED + body, redirection="", PYTHONIOENCODING="latin-1", PYTHONUTF8="0"
    )
    assert (code, out) == (0, "? over\n")


def test_a_pipe_that_is_closed_ends_without_a_traceback():
    _, _, err = _run_in_shell("-m", "ganinv_cli", "--help", redirection="| true")
    assert "Traceback" not in err and len(err.splitlines()) <= 1
