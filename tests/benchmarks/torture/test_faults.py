"""Each fault is noticed: a bench that sees none would make the table of zeros worthless."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.torture.execute import Outcome
from benchmarks.torture.faults import FAULTS, find_left_behind, judge_outcome
from benchmarks.torture.mutated_files import Bench, Judged
from benchmarks.torture.phases.bench import Bench as DisturbedBench
from benchmarks.torture.phases.bench import find_lost
from benchmarks.torture.phases.plans import PHASES, Undisturbed, list_phase_cases
from benchmarks.torture.phases.processes import Disturbance, Launch
from benchmarks.torture.phases.workloads import list_workloads
from benchmarks.torture.record import Record, write_page
from benchmarks.torture.subject import Command

SENTENCE = Outcome(2, "", "Error: g: no such file; name another\n")
ROOT = Path(__file__).parents[3]
JUDGED = Judged("x-1-0", "images", (), "x.png", "", ("hang",), None, 9.0, 1.0, "")


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
        (replace(SENTENCE, megabytes=5000.0), {"memory"}),
        (replace(SENTENCE, ended="hang"), {"hang"}),
    ],
)
def test_an_outcome_has_its_faults(outcome, faults):
    assert judge_outcome(outcome, Command(())) == faults <= FAULTS.keys()


def test_files_that_are_left_are_noticed(tmp_path):
    (tmp_path / "tmp").mkdir()
    for name in ("work.h5", ".work.h5.tmp", "tmp/a"):
        (tmp_path / name).touch()
    command = Command((), ("work.h5",))
    left = find_left_behind({"tmp/a"}, tmp_path, tmp_path / "tmp", command, 0)
    assert left == {".work.h5.tmp", "TMPDIR/a"}


def test_a_failed_case_is_kept_as_a_test_takes_it(tmp_path):
    """The bench runs a command that fails, and then one that does not."""
    outcomes = [Outcome(1, "", "", "Traceback"), Outcome(0, "", "")]
    bench = Bench(tmp_path / "w", tmp_path, tmp_path / "failures", lambda *_: outcomes.pop(0))
    kept = tmp_path / "failures" / "one"
    kept.mkdir(parents=True)
    about = {"arguments": ["report", "x.h5"], "outputs": [], "published": False, "expected": None}
    (kept / "case.json").write_text(json.dumps(about))
    assert bench.judge_kept(kept) == {"traceback"}
    assert bench.judge_kept(kept) == set()


def test_rows_and_files_that_differ_are_noticed(tmp_path):
    workload = next(each for each in list_workloads() if each.name == "sample")
    for place in ("one", "other"):
        (tmp_path / place / "work").mkdir(parents=True)
        (tmp_path / place / "work" / "z.npz").write_text("z")
    assert not find_lost(workload, {}, tmp_path / "one", tmp_path / "other")
    (tmp_path / "one" / "work" / "z.npz").write_text("y")
    assert find_lost(workload, {}, tmp_path / "one", tmp_path / "other") == ["z.npz"]


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    bench = DisturbedBench(folder, folder / "undisturbed")
    for name in ("work", "tmp", "cache"):
        (folder / "place" / name).mkdir(parents=True)
    yield bench.server, folder
    bench.close()


def _launch(server, arguments, **disturbance):
    process, folder = server
    launch = Launch(arguments, folder / "place", folder / "streams", Disturbance(**disturbance))
    return process.run(launch)


def test_a_process_is_disturbed_as_its_plan_says(server):
    usual = _launch(server, ("cache", "show"))
    assert (usual.outcome.status, usual.outcome.traceback) == (0, "")
    assert _launch(server, ("cache", "show"), seconds=0.0, signal=9).outcome.status == -9
    with_full_stream = _launch(server, ("cache", "show"), streams=("null", "full", "file"))
    assert with_full_stream.outcome.status == 1
    assert "stdout cannot be written" in with_full_stream.outcome.error


def test_rights_are_dropped_in_the_child(server):
    secret = server[1] / "place" / "work" / "secret.npz"
    secret.touch(mode=0o000)
    ended = _launch(server, ("report", "secret.npz"), without_rights=True)
    assert ended.outcome.status == 2 and "not readable" in ended.outcome.error


def test_a_seed_determines_every_plan():
    usual = Undisturbed(50, 3.0, (10, 200), True)
    one, other = (list_phase_cases(list_workloads(), 40, seed) for seed in (1, 2))
    assert {case.phase for case in one} == PHASES.keys()
    assert [case.draw_plan(usual) for case in one] == [case.draw_plan(usual) for case in one]
    assert [case.draw_plan(usual) for case in one] != [case.draw_plan(usual) for case in other]
    assert sum(case.phase == "kill -9" for case in one) == 40


def test_the_table_counts_the_faults_and_is_made_from_its_file(tmp_path):
    record = Record(tmp_path / "torture.json", 1)
    record.add(JUDGED)
    record.add(replace(JUDGED, name="x-1-1", faults=(), status=0))
    record.save()
    assert Record(tmp_path / "torture.json", 1).has("x-1-1")
    record.write_summary(tmp_path / "out.json")
    page = (tmp_path / "out.md").read_text()
    row = next(line for line in page.splitlines() if line.startswith("| images"))
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:7] == ["images", "2", "1", "0", "0", "0", "1"]
    (tmp_path / "out.md").unlink()
    write_page(tmp_path / "out.json")
    assert (tmp_path / "out.md").read_text() == page


def test_the_page_in_docs_is_what_its_stored_file_says(tmp_path):
    stored = ROOT / "docs" / "reliability" / "torture.json"
    if not stored.exists():
        pytest.skip("it has not been measured")
    shutil.copyfile(stored, tmp_path / "torture.json")
    write_page(tmp_path / "torture.json")
    assert (tmp_path / "torture.md").read_bytes() == stored.with_suffix(".md").read_bytes()
