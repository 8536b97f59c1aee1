"""Each fault is noticed: a bench that sees none would make the table of zeros worthless."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.torture.compare import find_lost
from benchmarks.torture.disturbances import PHASES, Undisturbed, list_cases
from benchmarks.torture.faults import FAULTS, Judged, find_left_behind, judge_outcome
from benchmarks.torture.mutated import MutatedBench
from benchmarks.torture.record import summarize, write_page, write_summary
from benchmarks.torture.runner import Disturbance, Launch, Outcome, Server
from benchmarks.torture.workloads import list_workloads

SENTENCE = Outcome(2, "", "Error: g: no such file; name another\n")
ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("outcome", "faults"),
    [
        (SENTENCE, set()),
        (Outcome(0, "table", ""), set()),
        (replace(SENTENCE, traceback="Traceback"), {"traceback"}),
        (replace(SENTENCE, status=3), {"status"}),
        (replace(SENTENCE, error="oh\n"), {"sentence"}),
        (replace(SENTENCE, error=SENTENCE.error * 2), {"sentence"}),
        (replace(SENTENCE, error="Error: \x1b[31m\n"), {"control"}),
        (replace(SENTENCE, ended="hang"), {"hang"}),
    ],
)
def test_an_outcome_has_its_faults(outcome, faults):
    assert judge_outcome(outcome) == faults <= FAULTS.keys()


def test_files_that_are_left_are_noticed(tmp_path):
    (tmp_path / "folder").mkdir()
    for name in ("work.h5", ".work.h5.tmp", "a.png", "folder/b.png"):
        (tmp_path / name).touch()
    outputs = ("work.h5", "*.png")
    assert find_left_behind({"folder/b.png"}, tmp_path, outputs, 0) == {".work.h5.tmp"}
    assert find_left_behind({"folder/b.png"}, tmp_path, outputs, 1) == {".work.h5.tmp", "a.png"}


def test_a_failed_case_is_kept_as_a_test_takes_it(tmp_path):
    """The bench runs a command that fails, and then one that does not."""
    outcomes = [Outcome(1, "", "", "Traceback"), Outcome(0, "", "")]
    bench = MutatedBench(tmp_path / "w", tmp_path, tmp_path / "failures", lambda _: outcomes.pop(0))
    kept = tmp_path / "failures" / "one"
    kept.mkdir(parents=True)
    about = {"arguments": ["report", "x.h5"], "outputs": [], "published": False}
    (kept / "case.json").write_text(json.dumps(about))
    assert bench.judge_kept(kept) == {"traceback"}
    assert bench.judge_kept(kept) == set()


def test_files_that_differ_are_noticed(tmp_path):
    for place in ("one", "other"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "z.npz").write_text("z")
    assert not find_lost({}, "", tmp_path / "one", tmp_path / "other")
    (tmp_path / "one" / "z.npz").write_text("y")
    assert find_lost({}, "", tmp_path / "one", tmp_path / "other") == ["z.npz"]


def test_a_process_is_disturbed_as_its_plan_says(tmp_path):
    for name in ("work", "tmp", "cache"):
        (tmp_path / "place" / name).mkdir(parents=True)
    server = Server()

    def run(**disturbance):
        launch = Launch(("cache", "show"), tmp_path / "place", tmp_path / "streams")
        return server.run(replace(launch, disturbance=Disturbance(**disturbance)))

    try:
        usual = run()
        assert (usual.status, usual.traceback) == (0, "") and usual.out
        assert run(seconds=0.0, signal=9).status == -9
        without_stdout = run(closed=(1,))
        assert (without_stdout.status, without_stdout.out) == (0, "")
    finally:
        server.close()


def test_a_seed_determines_every_plan():
    usual = Undisturbed(50, 3.0, 1000)
    counts = dict.fromkeys(PHASES, 40)
    one, other = (list_cases(list_workloads(), counts, seed) for seed in (1, 2))
    assert {case.phase for case in one} == PHASES.keys() and len(one) == 40 * len(PHASES)
    assert [case.draw_plan(usual) for case in one] == [case.draw_plan(usual) for case in one]
    assert [case.draw_plan(usual) for case in one] != [case.draw_plan(usual) for case in other]
    delays = [each.seconds for case in one for each in case.draw_plan(usual).disturbances]
    assert 0.1 < sum(map(math.isinf, delays)) / len(delays) < 0.9


def test_the_table_counts_the_faults_and_is_made_from_its_file(tmp_path):
    failed = Judged("x-1-0", "images", (), "x.png: cut off", ("hang",), -9, "")
    cases = [failed, replace(failed, name="x-1-1", faults=(), status=0)]
    write_summary(summarize(cases, "python", 60.0), tmp_path / "out.json")
    page = (tmp_path / "out.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith("| images"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:7] == ["images", "2", "1", "0", "0", "0", "1"]
    (tmp_path / "out.md").unlink()
    write_page(tmp_path / "out.json")
    assert (tmp_path / "out.md").read_text() == page


def test_the_page_in_docs_is_what_its_stored_file_says(tmp_path):
    stored = ROOT / "docs" / "reliability" / "torture.json"
    shutil.copyfile(stored, tmp_path / "torture.json")
    write_page(tmp_path / "torture.json")
    assert (tmp_path / "torture.md").read_bytes() == stored.with_suffix(".md").read_bytes()
