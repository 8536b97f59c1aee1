"""A share of `make torture` that takes a minute, and the cases that failed once."""

import itertools
from pathlib import Path

import pytest

from benchmarks.torture.mutated_files import Bench, build_originals, list_cases, list_subjects
from benchmarks.torture.phases import bench as phases
from benchmarks.torture.phases.plans import list_phase_cases
from benchmarks.torture.phases.workloads import list_workloads

KEPT = sorted((Path(__file__).parents[2] / "data" / "torture").glob("*/case.json"))
SEED = 11
SUBJECTS = {
    *("encoder", "image-png", "image-npz"),
    *("config-recover", "torch", "torch-stream", "safetensors", "tensorflow-v2", "onnx-0"),
    *("sidecar", "z-npz"),
}
FILES = 60
WORKLOADS = {"recover", "convert", "train-encoder", "sample"}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    folder = tmp_path_factory.mktemp("torture")
    with_originals = Bench(folder / "worker", folder / "originals", folder / "failures")
    yield with_originals
    with_originals.close()


def test_mutated_files_end_in_a_result_or_a_sentence(bench):
    subjects = [each for each in list_subjects() if each.name in SUBJECTS]
    assert len(subjects) == len(SUBJECTS)
    bench.originals.mkdir()
    build_originals(subjects, bench.originals)
    judged = [bench.judge(case) for case in list_cases(subjects, FILES, SEED)]
    assert not _describe(judged)
    assert 0.1 < sum(each.status == 0 for each in judged) / FILES < 0.9


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.parent.name)
def test_a_case_that_failed_once_does_not_fail_again(path, bench):
    assert bench.judge_kept(path.parent) == set()


def test_disturbed_commands_go_on_and_make_the_same(tmp_path):
    """One case of each phase, of the commands in turn."""
    workloads = [each for each in list_workloads() if each.name in WORKLOADS]
    cases = list_phase_cases(workloads, 40, SEED)
    of_phases = [list(group) for _, group in itertools.groupby(cases, lambda case: case.phase)]
    chosen = [group[place % len(workloads)] for place, group in enumerate(of_phases)]
    disturbed = phases.Bench(tmp_path / "worker", tmp_path / "undisturbed")
    try:
        for workload in {case.workload.name: case.workload for case in chosen}.values():
            disturbed.run_undisturbed(workload)
        judged = [disturbed.judge(case) for case in chosen]
    finally:
        disturbed.close()
    assert not _describe(judged)


def _describe(judged):
    return {each.name: (each.faults, each.mutation, each.says) for each in judged if each.faults}
