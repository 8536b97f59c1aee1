"""Torture notices each fault; a share of it that takes a minute; the cases that failed once."""

import json
import shutil
from pathlib import Path

import pytest

from benchmarks.torture.disturbed import (
    CHANGED_LOG,
    FULL_DISK,
    KILL,
    Case,
    can_mount,
    judge,
    run_undisturbed,
)
from benchmarks.torture.faults import judge_outcome
from benchmarks.torture.process import Outcome, run_command
from benchmarks.torture.workloads import WORKLOADS

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
KEPT = sorted((ROOT / "tests" / "data" / "torture").glob("*/case.json"))
SENTENCE = Outcome(2, "", "Error: g: no such file; name another\n")


@pytest.mark.parametrize(
    ("outcome", "faults"),
    [
        (SENTENCE, set()),
        (Outcome(0, "table", ""), set()),
        (SENTENCE._replace(error="Traceback (most recent call last)"), {"traceback"}),
        (SENTENCE._replace(status=3), {"status"}),
        (SENTENCE._replace(error="oh\n"), {"sentence"}),
        (SENTENCE._replace(error=SENTENCE.error * 2), {"sentence"}),
        (SENTENCE._replace(error="Error: \x1b[31m\n"), {"control"}),
        (SENTENCE._replace(ended="hang"), {"hang"}),
    ],
)
def test_an_outcome_has_its_faults(outcome, faults):
    assert judge_outcome(outcome) == faults


@pytest.fixture
def place(tmp_path):
    """An empty folder for a command, with what it needs beside it."""
    for name in ("work", "tmp", "cache"):
        (tmp_path / "place" / name).mkdir(parents=True)
    return tmp_path / "place"


def test_a_process_is_killed_when_it_should_be(place):
    usual = run_command(("--version",), place)
    sample = ("sample", "portraits64", "--out", "s.png")
    assert run_command(sample, place, disturb_at=1).status == -9
    assert (usual.status, usual.ended) == (0, "") and usual.out


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.parent.name)
def test_a_case_that_failed_once_does_not_fail_again(path, place):
    shutil.copytree(path.parent, place / "work", dirs_exist_ok=True)
    arguments = tuple(json.loads(path.read_text(encoding="utf-8"))["arguments"])
    assert judge_outcome(run_command(arguments, place)) == set()
    assert not list((place / "tmp").iterdir())


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["recover", "train-encoder", "sample"])
@pytest.mark.parametrize("kind", [KILL, FULL_DISK])
def test_a_disturbed_command_goes_on_and_makes_the_same(name, kind, tmp_path):
    if kind == FULL_DISK and not can_mount(tmp_path / "mounted"):
        pytest.skip("this user may not mount file systems")
    (workload,) = (each for each in WORKLOADS if each.name == name)
    undisturbed = run_undisturbed(workload, tmp_path / "undisturbed")
    judged = judge(Case(f"{kind}-{name}-11", kind, undisturbed))
    assert not judged.faults, judged


@pytest.mark.nightly
def test_a_log_that_is_changed_during_a_run_gives_no_other_number(tmp_path):
    undisturbed = run_undisturbed(WORKLOADS[0], tmp_path / "undisturbed")
    judged = []
    for number in range(20):  # at least four, and until there was a log
        judged.append(judge(Case(f"changed-{number}", CHANGED_LOG, undisturbed)))
        changed = [case for case in judged if "there was no log" not in case.says]
        if number >= 3 and changed:
            break
    assert not [case for case in judged if case.faults]
    assert changed
