"""Commands on a terminal of 80 columns: the phases, the counts, and where they resume."""

import re
from pathlib import Path

import numpy as np
import pytest
from builders import make_weights, rename_arrays, save_checkpoint
from PIL import Image

PHASES = ("loading TensorFlow", "measuring the generator", "compiling", "0/36 trials")
SLOW = 120.0  # seconds for what takes a tenth of it on a machine that does nothing else
SOON = 5.0  # seconds; an answer to Ctrl-C takes at most 2, and the machine may be busy


@pytest.fixture
def recover(tmp_path: Path) -> tuple[object, ...]:
    """A command of 36 trials that take some seconds."""
    checkpoint = save_checkpoint(tmp_path / "small", rename_arrays(make_weights(), "C")).parent
    options = ("--checkpoint", checkpoint, "--trials", 12, "--batch-size", 2)
    return ("-m", "ganinv_cli", "recover", *options)


@pytest.mark.slow
def test_the_phases_of_a_run_appear_in_order(recover, start_on_terminal):
    terminal = start_on_terminal(*recover)
    assert terminal.wait_for_end(SLOW)[0] == 0
    places = [terminal.text.find(phase) for phase in PHASES]
    assert places[0] > -1
    assert places == sorted(places)
    assert "36/36 trials" in terminal.text
    assert "0/0" not in terminal.text
    progress = terminal.text[: terminal.text.rindex("36/36")]
    assert "?" not in progress
    assert not re.search(r"\d:\d\d", progress)  # a clock that has no name


@pytest.mark.slow
@pytest.mark.parametrize("phase", PHASES[:3])
def test_before_trials_run_ctrl_c_ends_the_process(recover, start_on_terminal, phase):
    terminal = start_on_terminal(*recover)
    terminal.wait_for(phase, SLOW)
    terminal.press_ctrl_c()
    code, seconds = terminal.wait_for_end(SLOW)
    assert (code, seconds < SOON) == (130, True), seconds
    assert "Traceback" not in terminal.text


@pytest.mark.slow
def test_a_run_that_was_stopped_says_that_it_resumes(recover, start_on_terminal, tmp_path):
    terminal = start_on_terminal(*recover, "--solver", "gd", "--budget", 20_000)
    terminal.wait_for("gradients/s", SLOW)
    terminal.press_ctrl_c()
    terminal.wait_for("interrupted", SOON)
    assert terminal.wait_for_end(SLOW)[0] == 130
    assert "the same command goes on" in " ".join(terminal.text.split())

    terminal = start_on_terminal(*recover, "--solver", "gd", "--budget", 20_000)
    terminal.wait_for("resuming: ", SLOW)
    terminal.wait_for(" of 36 trials are saved", SLOW)
    terminal.press_ctrl_c()
    assert terminal.wait_for_end(SLOW)[0] == 130


@pytest.mark.slow
def test_training_answers_and_says_at_which_step_it_resumes(start_on_terminal, tmp_path):
    for number in range(4):
        noise = np.random.default_rng(number).integers(0, 256, (64, 64, 3), np.uint8)
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.fromarray(noise).save(tmp_path / "images" / f"{number}.png")
    options = ("--out", "out", "--batch-size", 4, "--size", 16, "--width", 16)
    train = ("-m", "ganinv_cli", "train", "images", *options)
    terminal = start_on_terminal(*train)
    terminal.wait_for("2/10,000 steps", SLOW)
    terminal.press_ctrl_c()
    terminal.wait_for("interrupted; what was saved is in out", SLOW)
    assert terminal.wait_for_end(SLOW)[0] == 130
    phases = ("reading images", "loading TensorFlow", "compiling", "/10,000 steps")
    places = [terminal.text.find(phase) for phase in phases]
    assert places[0] > -1
    assert places == sorted(places)
    step = int((tmp_path / "out" / "checkpoint").read_text().split("-")[1].split('"')[0])

    terminal = start_on_terminal(*train)
    terminal.wait_for(f"resuming at step {step + 1:,}\r\n", SLOW)
    terminal.press_ctrl_c()
    code, seconds = terminal.wait_for_end(SLOW)
    assert (code, seconds < SOON) == (130, True), seconds
