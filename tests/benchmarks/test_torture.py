"""Torture notices each fault; a share of it that takes a minute; the cases that failed once."""

import json
from pathlib import Path

import pytest

from benchmarks.torture.disturbed import (
    CHANGED_LOG,
    FULL_DISK,
    JUDGES,
    KILL,
    can_mount,
    run_undisturbed,
)
from benchmarks.torture.faults import judge_outcome
from benchmarks.torture.mutated import find_left, judge_files, judge_mutated
from benchmarks.torture.process import Outcome, run_command
from benchmarks.torture.subjects import WORKLOADS, list_subjects, write_originals

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


def test_files_that_are_left_are_noticed():
    new = {"work/work.h5", "work/.work.h5.tmp", "work/a.png", "tmp/x"}
    assert find_left(new, 0) == {"work/.work.h5.tmp", "tmp/x"}
    assert find_left(new, 1) == {"work/.work.h5.tmp", "work/a.png", "tmp/x"}


@pytest.mark.slow
def test_a_process_is_killed_when_it_should_be(tmp_path):
    for name in ("work", "tmp", "cache"):
        (tmp_path / "place" / name).mkdir(parents=True)
    usual = run_command(("--version",), tmp_path / "place")
    sample = ("sample", "portraits64", "--out", "s.png")
    assert run_command(sample, tmp_path / "place", disturb_at=1).status == -9
    assert (usual.status, usual.ended) == (0, "") and usual.out


@pytest.mark.slow
@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.parent.name)
def test_a_case_that_failed_once_does_not_fail_again(path, tmp_path):
    arguments = tuple(json.loads(path.read_text(encoding="utf-8"))["arguments"])
    assert judge_files(path.parent, arguments, tmp_path)[0] == set()


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Keras, which writes the files
def test_mutated_files_end_in_a_result_or_a_sentence(tmp_path):
    originals, judged = tmp_path / "originals", []
    write_originals(originals)
    for subject in list_subjects():
        for name in (f"{subject.name}-11-{number}" for number in range(3)):
            (tmp_path / name).mkdir()
            judged.append(judge_mutated(subject, name, originals, tmp_path / name))
    assert not [case for case in judged if case.faults]
    assert 0.1 < sum(case.status == 0 for case in judged) / len(judged) < 0.9


@pytest.mark.nightly
@pytest.mark.parametrize("name", ["recover", "train-encoder", "sample"])
@pytest.mark.parametrize("phase", [KILL, FULL_DISK])
def test_a_disturbed_command_goes_on_and_makes_the_same(name, phase, tmp_path):
    if phase == FULL_DISK and not can_mount(tmp_path / "mounted"):
        pytest.skip("this user may not mount file systems")
    (workload,) = (each for each in WORKLOADS if each.name == name)
    undisturbed = run_undisturbed(workload, tmp_path / "undisturbed")
    judged = JUDGES[phase](undisturbed, f"{phase}-{name}-11", tmp_path)
    assert not judged.faults, judged


@pytest.mark.nightly
def test_a_log_that_is_changed_during_a_run_gives_no_other_number(tmp_path):
    undisturbed = run_undisturbed(WORKLOADS[0], tmp_path / "undisturbed")
    judged = []
    for number in range(20):  # at least four, and until there was a log
        folder = tmp_path / str(number)
        folder.mkdir()
        judged.append(JUDGES[CHANGED_LOG](undisturbed, f"changed-{number}", folder))
        changed = [case for case in judged if "there was no log" not in case.says]
        if number >= 3 and changed:
            break
    assert not [case for case in judged if case.faults]
    assert changed
