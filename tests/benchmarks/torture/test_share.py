"""A share of `make torture` that takes a minute, and the cases that failed once."""

from pathlib import Path

import pytest

from benchmarks.torture.disturbances import PHASES, list_cases
from benchmarks.torture.disturbed import DisturbedBench, can_mount
from benchmarks.torture.mutated import MutatedBench, build_originals
from benchmarks.torture.mutated import list_cases as list_mutated_cases
from benchmarks.torture.subjects import list_subjects
from benchmarks.torture.workloads import list_workloads

KEPT = sorted((Path(__file__).parents[2] / "data" / "torture").glob("*/case.json"))
SEED = 11
SUBJECTS = {
    *("recover", "recover-log", "encoder", "image-png", "image-npz", "config", "sidecar", "torch"),
    *("safetensors", "tensorflow-v2", "onnx", "z-npz"),
}
FILES = 45
WORKLOADS = ("recover", "convert", "train-encoder", "sample")


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    folder = tmp_path_factory.mktemp("torture")
    with_originals = MutatedBench(folder / "worker", folder / "originals", folder / "failures")
    yield with_originals
    with_originals.close()


@pytest.mark.nightly
def test_mutated_files_end_in_a_result_or_a_sentence(bench):
    subjects = [each for each in list_subjects() if each.name in SUBJECTS]
    assert len(subjects) == len(SUBJECTS)
    bench.originals.mkdir()
    build_originals(subjects, bench.originals)
    judged = [bench.judge(case) for case in list_mutated_cases(subjects, FILES, SEED)]
    assert not _describe(judged)
    assert 0.1 < sum(each.status == 0 for each in judged) / FILES < 0.9


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.parent.name)
def test_a_case_that_failed_once_does_not_fail_again(path, bench):
    assert bench.judge_kept(path.parent) == set()


@pytest.mark.nightly
def test_disturbed_commands_go_on_and_make_the_same(tmp_path):
    """One case of each phase, of the commands in turn."""
    workloads = [each for each in list_workloads() if each.name in WORKLOADS]
    phases = [each for each in PHASES if each != "full disk" or can_mount(tmp_path / "mounted")]
    chosen = [
        next(each for each in list_cases(workloads, {phase: 9}, SEED) if each.workload is workload)
        for phase, workload in zip(phases, workloads * 2, strict=False)
    ]
    disturbed = DisturbedBench(tmp_path / "worker", tmp_path / "undisturbed")
    try:
        for workload in workloads:
            disturbed.run_undisturbed(workload)
        judged = [disturbed.judge(case) for case in chosen]
    finally:
        disturbed.close()
    assert not _describe(judged)


def _describe(judged):
    return {each.name: (each.faults, each.what, each.says) for each in judged if each.faults}
