"""Signals end a command, or stop a run that then saves; a second one ends the process at once."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ganinv_cli.progress.interrupts import STOPPING, stop_on_signals

PRELUDE = """
import signal, sys, time
from pathlib import Path
from ganinv_cli.progress import interrupts
for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(each, signal.default_int_handler if each == signal.SIGINT else signal.SIG_DFL)
from ganinv_cli.progress.interrupts import handle_signals, stop_on_signals
from ganinv_cli.progress.display import open_display

def tell(text):
    print(text, file=sys.stderr, flush=True)
"""

COMMAND = """
try:
    with handle_signals():
        tell("ready")
        time.sleep(60)
except KeyboardInterrupt:
    tell("interrupted")
    sys.exit(130)
"""

RUN = """
with handle_signals(), open_display(False) as reporter, stop_on_signals(reporter.say) as stop:
    tell("ready")
    while not stop.is_set():
        time.sleep(0.01)
    time.sleep(SECONDS)
    Path("saved").touch()
    reporter.say("saved")
"""


def _start(
    folder: Path, body: str, seconds: float = 0.5, repeat: float = 0.3
) -> subprocess.Popen[str]:
    """Start a program, and wait until it is ready for signals.

    Saving takes `seconds`; a signal that comes within `repeat` seconds is a repetition.
    """
    program = f"SECONDS = {seconds}{PRELUDE}interrupts.REPEAT_SECONDS = {repeat}\n{body}"
    command = [sys.executable, "-c", program]
    process = subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, encoding="utf-8")
    assert process.stderr
    assert process.stderr.readline() == "ready\n"
    return process


def test_a_signal_interrupts_a_command(tmp_path):
    with _start(tmp_path, COMMAND) as process:
        process.send_signal(signal.SIGTERM)
        assert process.communicate(timeout=30)[1] == "interrupted\n"
    assert process.returncode == 130


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_run_says_that_it_stops_and_saves(number, tmp_path):
    with _start(tmp_path, RUN) as process:
        process.send_signal(number)
        assert process.communicate(timeout=30)[1] == f"{STOPPING}\nsaved\n"
    assert process.returncode == 0
    assert (tmp_path / "saved").exists()


def test_a_second_signal_ends_a_run_at_once(tmp_path):
    with _start(tmp_path, RUN, seconds=60, repeat=0) as process:
        process.send_signal(signal.SIGINT)
        assert process.stderr and process.stderr.readline() == f"{STOPPING}\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 130
    assert not (tmp_path / "saved").exists()


def test_a_signal_that_is_sent_twice_at_once_is_one(tmp_path):
    """As by GNU timeout: to its child, and then to its group, in which the child is."""
    with _start(tmp_path, RUN, seconds=2, repeat=60) as process:
        process.send_signal(signal.SIGTERM)
        assert process.stderr and process.stderr.readline() == f"{STOPPING}\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert (tmp_path / "saved").exists()


def test_a_signal_that_is_ignored_stays_ignored():
    """As under nohup."""
    program = (
        f"{PRELUDE}import os\nsignal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        f"with handle_signals(), stop_on_signals(tell) as stop:\n"
        f"    os.kill(os.getpid(), signal.SIGHUP)\n    tell(stop.is_set())\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, encoding="utf-8")
    assert (run.returncode, run.stderr) == (0, "False\n")


def test_a_terminal_that_is_closed_loses_nothing(tmp_path):
    with _start(tmp_path, RUN) as process:
        assert process.stderr
        process.stderr.close()
        process.send_signal(signal.SIGHUP)
        assert process.wait(30) == 0
    assert (tmp_path / "saved").exists()


def test_handlers_are_restored_and_other_threads_set_none():
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with stop_on_signals(print) as stop:
        signal.raise_signal(signal.SIGTERM)
        assert stop.is_set()
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers
    events: list[bool] = []

    def run() -> None:
        with stop_on_signals(print) as stop:
            events.append(stop.is_set())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    assert events == [False]
