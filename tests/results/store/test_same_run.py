"""A run is continued only by the same command, and a refusal says what differs."""

import pytest
from stored import assert_holds, commit_batches, make_provenance, write_results_file

from ganinv_cli.errors import ResultsError
from ganinv_cli.results.store import open_run, read_results


def _refuse(path, **changes):
    """Return what differs, as the refusal says."""
    with pytest.raises(ResultsError) as refusal, open_run(path, make_provenance(**changes)):
        pass
    assert refusal.value.exit_code == 2
    assert str(path) in str(refusal.value) and "--overwrite" in str(refusal.value)
    said = str(refusal.value).partition("another run: ")[2]
    return said.partition(", name another")[0].partition(". Name")[0]


@pytest.mark.parametrize("finished", [False, True])
def test_another_run_is_refused_with_every_difference(path, finished):
    write_results_file(path, [0], finished=finished)
    identity = {"solver": "lbfgs", "lbfgs": {"memory": 20, "step": 1}, "clip": ["none"]}
    assert _refuse(path, seed=8, identity=identity).split("; ") == [
        "--seed is 7 in the file, and 8 here",
        "[lbfgs] memory is 50 in the file, and 20 here",
        "--clip is none,stochastic in the file, and none here",
        "[lbfgs] step is not set in the file, and 1 here",
    ]
    other = {"checkpoint": "other.pt", "trials": 3}
    said = _refuse(path, checkpoint_sha256="cd" * 32, identity={"prior": "normal:1"}, config=other)
    assert said == "the generator is abababababab in the file, and cdcdcdcdcdcd here"
    said = _refuse(path, command="invert")
    assert said == "the command is recover in the file, and invert here"
    assert_holds(read_results(path), [0])


def test_a_run_without_a_trial_is_refused_too(path):
    """Its running trials, which took hours, are saved beside it."""
    with open_run(path, make_provenance()) as run:
        run.commit({})
    assert _refuse(path, seed=8).startswith("--seed is 7 in the file, and 8 here")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"checkpoint_sha256": "cd" * 32, "config": {"checkpoint": "checkpoints/portraits64"}},
            "--checkpoint is faces16 in the file, and portraits64 here. Type --checkpoint faces16",
        ),
        (
            {"identity": {"solver": "gd", "gd": {"rate": 1}}},
            "--solver is lbfgs in the file, and gd here. Type --solver lbfgs",
        ),
    ],
)
def test_a_refusal_begins_with_what_continues_the_run(path, changes, said):
    identity = {"solver": "lbfgs", "lbfgs": {"memory": 9}}
    write_results_file(path, [0], identity=identity, config={"checkpoint": "faces16"})
    assert _refuse(path, **changes) == f"{said} to continue it"


def test_settings_that_do_not_decide_the_results_may_change(path):
    write_results_file(path, [0], identity={"clip": ("none",), "step": 1.0})
    changed = make_provenance(identity={"step": 1, "clip": ["none"]}, config={}, device="GPU")
    with open_run(path, changed) as run:
        assert run.read_group("none")["trial"].tolist() == [0]


def test_the_key_names_the_run_and_the_version(path, tmp_path):
    def make_key(file, **changes):
        with open_run(tmp_path / file, make_provenance(**changes)) as run:
            return run.key

    key = make_key("a.h5", versions={"ganinv": "1", "numpy": "1"}, device="GPU")
    assert key == make_key("b.h5", versions={"ganinv": "1", "numpy": "2"}, config={})
    assert key != make_key("c.h5", versions={"ganinv": "2"})
    assert key != make_key("d.h5", versions={"ganinv": "1"}, seed=8)


def test_overwrite_replaces_when_the_first_row_is_committed(path):
    write_results_file(path, [0, 1])
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [2])
        run.saved_batch_file(3).write_bytes(b"")
    others = [path.with_name(name) for name in ("other-recover.h5.batch-3", "s.batch-notes")]
    others.append(path.with_name(f"{path.name}.batch-notes.txt"))
    for other in others:
        other.write_bytes(b"")
    with open_run(path, make_provenance(seed=8), overwrite=True) as run:
        assert run.read_group("none")["trial"].size == 0
    assert_holds(read_results(path), [0, 1, 2])  # a mistake was found before that
    with open_run(path, make_provenance(seed=8), overwrite=True) as run:
        assert not run.saved_batch_file(3).exists()
        commit_batches(run, [5])
    assert_holds(read_results(path), [5])
    assert all(other.exists() for other in others)
