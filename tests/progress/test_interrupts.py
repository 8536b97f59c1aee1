"""Ctrl-C is answered while C++ code runs, saves what there is to save, and ends the process."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SOON = 5.0  # seconds; an answer takes at most 2, and the machine may be busy

# A call into C that lets other threads run, but no Python signal handler: as TensorFlow's.
_COMPUTE = """
import hashlib, sys, time
from pathlib import Path
from types import SimpleNamespace
from ganinv_cli.outcome import Phase
from ganinv_cli.progress.interrupts import handle_interrupts
from ganinv_cli.progress.terminal import show_on_terminal

def compute(rounds):
    hashlib.pbkdf2_hmac("sha256", b"", b"", rounds)

def measure_rounds(seconds):
    start = time.perf_counter()
    compute(200_000)
    return int(200_000 * seconds / (time.perf_counter() - start))

progress = SimpleNamespace(  # a RunProgress, without TensorFlow
    finished=3, total=9, successes=2, success_word="recovered", gradients_per_second=1.0,
    seconds_left=5.0, message="", phase=Phase.running, factors=(), finished_here=3,
)
"""


def _write_program(folder: Path, body: str) -> Path:
    program = folder / "program.py"
    program.write_text(_COMPUTE + body)
    return program


LOADING = """
with handle_interrupts(), show_on_terminal(Path("recover.h5"), False) as reporter:
    reporter.enter("loading TensorFlow")
    compute(2**31 - 1)
"""

RUNNING = """
rounds = measure_rounds(4)
with handle_interrupts(), show_on_terminal(Path("recover.h5"), False) as reporter:
    reporter.show(progress)
    try:
        compute(rounds)
        time.sleep(60)
    except KeyboardInterrupt:
        Path("saved").touch()
        raise
"""

STUBBORN = RUNNING.replace("compute(rounds)", "compute(2**31 - 1)")

SWALLOWED = """
with handle_interrupts(), show_on_terminal(Path("recover.h5"), False) as reporter:
    while True:
        reporter.show(progress)
        try:
            compute(10**5)
        except KeyboardInterrupt:  # as a library may do
            pass
"""


def test_where_nothing_has_to_be_saved_the_process_ends(tmp_path, start_on_terminal):
    terminal = start_on_terminal(_write_program(tmp_path, LOADING))
    terminal.wait_for("loading TensorFlow", 60)
    time.sleep(0.5)  # until it computes
    terminal.press_ctrl_c()
    code, seconds = terminal.wait_for_end(60)
    assert (code, seconds < SOON) == (130, True), seconds
    assert "interrupted before any trial had finished" in terminal.text


def test_a_run_says_that_it_stops_and_saves(tmp_path, start_on_terminal):
    terminal = start_on_terminal(_write_program(tmp_path, RUNNING))
    terminal.wait_for("3/9 trials", 60)
    time.sleep(0.5)
    terminal.press_ctrl_c()
    assert terminal.wait_for("stopping; saving what has finished", 60) < SOON
    code, _ = terminal.wait_for_end(60)
    assert code == 130
    assert (tmp_path / "saved").exists()
    assert "interrupted before any trial had finished; the same command starts again" in (
        " ".join(terminal.text.split())
    )


def test_a_second_signal_ends_the_process_at_once(tmp_path, start_on_terminal):
    terminal = start_on_terminal(_write_program(tmp_path, STUBBORN))
    terminal.wait_for("3/9 trials", 60)
    time.sleep(0.5)
    terminal.press_ctrl_c()
    terminal.wait_for("stopping; saving what has finished", 60)
    time.sleep(0.5)
    terminal.press_ctrl_c()
    code, seconds = terminal.wait_for_end(60)
    assert (code, seconds < SOON) == (130, True), seconds
    assert not (tmp_path / "saved").exists()


def test_a_signal_that_is_sent_twice_at_once_is_one(tmp_path):
    """As by GNU timeout: to its child, and then to its group, in which the child is."""
    command = [sys.executable, str(_write_program(tmp_path, RUNNING))]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert "3/9 trials" in process.stderr.readline()
        time.sleep(0.5)
        for _ in range(2):
            process.send_signal(signal.SIGINT)
            time.sleep(0.01)
    assert process.returncode == 130
    assert (tmp_path / "saved").exists()


def test_an_interruption_that_a_library_caught_is_not_lost(tmp_path, start_on_terminal):
    terminal = start_on_terminal(_write_program(tmp_path, SWALLOWED))
    terminal.wait_for("3/9 trials", 60)
    time.sleep(0.5)
    terminal.press_ctrl_c()
    assert terminal.wait_for_end(60)[0] == 130


@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT", "SIGXCPU"])
def test_without_a_terminal_signals_do_the_same(tmp_path, name):
    command = [sys.executable, str(_write_program(tmp_path, RUNNING))]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        assert "3/9 trials" in process.stderr.readline()
        time.sleep(0.5)
        process.send_signal(getattr(signal, name))
        start = time.monotonic()
        assert process.stderr.readline().startswith("stopping; saving what has finished")
        assert time.monotonic() - start < SOON
    assert process.returncode == 130
    assert (tmp_path / "saved").exists()


def test_a_terminal_that_is_closed_loses_nothing(tmp_path, start_on_terminal):
    """Its shell passes SIGHUP on, the system sends it, and what is written then fails."""
    terminal = start_on_terminal(_write_program(tmp_path, RUNNING))
    terminal.wait_for("3/9 trials", 60)
    time.sleep(0.5)
    assert terminal.hang_up(times=3) == 130
    assert (tmp_path / "saved").exists()


@pytest.mark.parametrize("name", ["SIGINT", "SIGHUP"])
def test_a_signal_that_is_ignored_stays_ignored(tmp_path, name):
    program = _write_program(
        tmp_path,
        f"import os, signal\nsignal.signal(signal.{name}, signal.SIG_IGN)\n"
        f"with handle_interrupts():\n    os.kill(os.getpid(), signal.{name})\n"
        "    time.sleep(2)\nprint('done')\n",
    )
    run = subprocess.run([sys.executable, program], capture_output=True, text=True, timeout=60)
    assert (run.returncode, run.stdout) == (0, "done\n")


def test_an_interruption_that_is_lost_where_nothing_has_to_be_saved_ends_the_process(
    tmp_path, start_on_terminal
):
    lost = LOADING.replace(
        "    compute(2**31 - 1)\n",
        "    try:\n        time.sleep(60)\n    finally:\n        compute(2**31 - 1)\n",
    )
    terminal = start_on_terminal(_write_program(tmp_path, lost))
    terminal.wait_for("loading TensorFlow", 60)
    time.sleep(0.5)
    terminal.press_ctrl_c()
    code, seconds = terminal.wait_for_end(60)
    assert (code, seconds < SOON) == (130, True), seconds
    assert "interrupted before any trial had finished" in terminal.text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("step", "printed"), [("threading.Thread.start", ""), ("threading.Thread.join", "done\n")]
)
def test_a_signal_while_handlers_come_and_go_ends_the_process_as_any_other(step, printed, number):
    program = (
        f"usual = {step}\n"
        f"def disturb(thread):\n    signal.raise_signal({number:d})\n    usual(thread)\n"
        f"{step} = disturb\n"
        "with handle_interrupts():\n    print('done')\n"
    )
    assert _run_with_handlers(program) == (130, printed, "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_after_the_end_prints_nothing(number):
    program = (
        "with handle_interrupts():\n    print('done', flush=True)\n"
        f"signal.raise_signal({number:d})\n"
    )
    assert _run_with_handlers(program) == (-number, "done\n", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_signal_in_a_callback_of_a_library_prints_nothing(number):
    program = (
        "class Held: pass\n"
        "held = Held()\n"
        f"watched = weakref.ref(held, lambda _: signal.raise_signal({number:d}))\n"
        "with handle_interrupts():\n    del held\n    print('done')\n"
    )
    assert _run_with_handlers(program) == (130, "done\n", "")


def _run_with_handlers(program):
    """The status, stdout and stderr of a program that may call handle_interrupts."""
    imports = (
        "import signal, threading, weakref\n"
        "from ganinv_cli.progress.interrupts import handle_interrupts\n"
    )
    command = [sys.executable, "-c", imports + program]
    run = subprocess.run(command, capture_output=True, text=True)
    return run.returncode, run.stdout, run.stderr
