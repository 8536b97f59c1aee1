"""A live line on a terminal and plain lines elsewhere count what they are told."""

import io
import math
import signal

import pytest
from rich.console import Console

from ganinv_cli.progress.display import Display, RunProgress, Work, describe_time_left, open_display
from ganinv_cli.progress.reporters import show_steps


def _show(*works: Work, terminal: bool = True, width: int = 80) -> str:
    """Return what is shown of some works."""
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=width)
    display = Display(console)
    for work in works:
        display.advance(work)
    display.close()
    return file.getvalue()


def test_a_line_is_cut_at_its_end_if_there_is_no_space():
    work = Work(12000, 30000, "trials", ["11,999 recovered", "12,345 gradients/s"], 7300.0)
    wide, small = (_show(work, width=width) for width in (80, 30))
    assert "12,000/30,000 trials  2 h left  11,999 recovered  12,345 gradients/s" in wide
    assert "12,000/30,000 trials  2 h le… " in small


def test_trials_re_enactments_and_the_time_left_fit_in_80_columns():
    many = RunProgress(
        12_345, 160_000, 12_000, "converged", 1e6, 12_345.0, 7300.0,
        finished_here=12_345, certified=1_234, certificates=20_000,
    )  # fmt: skip
    shown = _show(many.describe())
    assert "12,345/160,000 trials  1,234/20,000 images judged  2 h left  12,000 converged" in shown


def test_the_time_left_runs_on_between_two_reports():
    work = Work(1, 3, "trials", seconds_left=40.0)
    assert work.describe(passed=15.0)[1] == "25 s left"
    assert len(work.describe(passed=90.0)) == 1  # it proved wrong


def test_plain_lines_are_far_apart_and_the_last_is_not_repeated():
    works = [Work(done, 3, "trials", ["2 recovered"]) for done in (1, 2, 3, 3)]
    shown = _show(*works, terminal=False)
    assert shown == "1/3 trials, 2 recovered\n3/3 trials, 2 recovered\n"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(math.nan, ""), (0.0, ""), (40, "40 s left"), (130, "2 min left"), (1e6, "12 days left")],
)
def test_a_time_left_has_one_unit(seconds, text):
    assert describe_time_left(seconds) == text


def test_a_resumed_run_counts_successes_among_its_own_trials_and_quiet_shows_nothing(capsys):
    progress = RunProgress(130, 300, 9, "recovered", 1e3, 50.0, math.nan, finished_here=10)
    for quiet in (False, True):
        with open_display(quiet) as reporter:
            reporter.say("a \x1b[31mred message")
            reporter.show(progress)
    assert capsys.readouterr().err == (
        "a \\x1b[31mred message\n130/300 trials, 9 of 10 recovered, 50 gradients/s\n"
    )


class _Step:
    """In place of TrainingProgress."""

    step, steps = 3, 9
    generator_loss = discriminator_loss = 1.0
    images_per_second, seconds_left = 2.0, 3.0


@pytest.mark.parametrize("saved", [True, False])
def test_a_training_stops_after_a_step_and_says_what_is_saved(saved, tmp_path, capsys):
    state = tmp_path / "state"
    if saved:
        state.write_text("x", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt), show_steps(tmp_path, state) as reporter:
        reporter.start(2)
        reporter.show(_Step())
        signal.raise_signal(signal.SIGTERM)
        reporter.show(_Step())
    said = capsys.readouterr().err
    assert "resuming after 2\n3/9 " in said and "2 images/s" in said
    end = "the same command goes on" if saved else "nothing was saved"
    assert said.splitlines()[-1].startswith("interrupted; ") and end in said
