"""The standard streams are always open, escape control characters, and may fail."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PREPARED = "import os, sys\nfrom ganinv_cli.streams import *\nprepare_streams()\n"


def run_program(body: str, redirection: str = "", **environment: str) -> tuple[int, str, str]:
    """Run a program in a shell; return its status, stdout and stderr."""
    run = subprocess.run(
        ["sh", "-c", f'exec "$@" {redirection}', "sh", sys.executable, "-c", PREPARED + body],
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=60,
        env={**os.environ, **environment},
    )
    return run.returncode, run.stdout, run.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_opened_and_no_file_gets_their_numbers(closed, tmp_path):
    body = (
        f"file = open({str(tmp_path / 'file')!r}, 'w')\n"
        "file.write(f'{file.fileno() > 2} {sys.stdin.read()!r}')\n"
        "print('result'); print('progress', file=sys.stderr)\n"
        "os.write(2, b'a log of C++')\n"
        "import subprocess\nassert subprocess.run(['sh', '-c', ': >&0 >&1 >&2']).returncode == 0\n"
    )
    code, out, err = run_program(body, f"</dev/null {closed}")
    assert (code, (tmp_path / "file").read_text()) == (0, "True ''")
    assert (out == "") is (">&-" in closed.replace("2>&-", ""))
    assert (err == "") is ("2>&-" in closed)


def test_a_failure_of_stdout_is_raised_once_and_what_follows_is_dropped():
    body = (
        "try:\n    print('a')\nexcept OutputError as error:\n    print(error, file=sys.stderr)\n"
        "print('b')\n"
    )
    code, _, err = run_program(body, ">/dev/full")
    assert (code, err) == (
        0,
        "stdout cannot be written (No space left on device); nothing else failed\n",
    )


def test_a_failure_of_stderr_is_ignored():
    body = "print('a', file=sys.stderr)\nopen_progress().write('b\\n')\nprint('done')\n"
    assert run_program(body, "2>/dev/full") == (0, "done\n", "")


def test_a_reader_that_has_ended_is_told_from_other_failures():
    body = "import time\ntime.sleep(.3)\ntry:\n    print('a')\nexcept BrokenPipeError:\n    pass\n"
    assert run_program(body, "| true") == (0, "", "")


@pytest.mark.parametrize(
    ("encoding", "shown"), [("utf-8", "‖é"), ("latin-1", "?\udce9"), ("ascii", "‖é")]
)
def test_characters_that_the_encoding_lacks_are_replaced(encoding, shown):
    assert run_program(
        "import click\nclick.echo('‖é')", PYTHONIOENCODING=encoding, PYTHONUTF8="0"
    ) == (
        0,
        f"{shown}\n",
        "",
    )


def test_control_characters_and_reversed_text_are_escaped():
    text = r"'a\tb\n\x1b[31mc\x9b\r\u202ed\udcff'"
    code, out, err = run_program(f"print({text})\nprint({text}, file=sys.stderr)\n")
    assert (code, out) == (0, "a\tb\n\\x1b[31mc\\x9b\\r\\u202ed\\udcff\n")
    assert err == out


def test_a_full_pipe_that_does_not_block_loses_nothing():
    body = "os.set_blocking(1, False)\nprint('x' * 300_000)\n"
    assert run_program(body, "| (sleep 0.3; cat)") == (0, "x" * 300_000 + "\n", "")


def test_a_python_program_without_streams_can_start_tensorflow(tmp_path: Path):
    """The log of its C++ code goes into no file of the program."""
    body = (
        "from ganinv_cli.api import tensorflow_start\n"
        "tensorflow_start._prepare_devices = lambda gpus: os.write(2, b'log')\n"
        "tensorflow_start.start_tensorflow()\n"
        f"os.write(os.open({str(tmp_path / 'file')!r}, os.O_RDWR | os.O_CREAT), b'data')\n"
        "os.write(2, b'log')\n"
    )
    program = ["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", sys.executable, "-c"]
    run = subprocess.run([*program, f"import os\n{body}"], timeout=60)
    assert run.returncode == 0
    assert (tmp_path / "file").read_bytes() == b"data"
