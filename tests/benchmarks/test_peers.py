"""The other methods are implemented correctly, and the comparison is fair."""

import importlib
from dataclasses import replace
from pathlib import Path

import builders
import click
import numpy as np
import pytest
import tensorflow as tf
from click.testing import CliRunner

from ganinv_cli.errors import ResultsError
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.preconditioner import count_gradients
from ganinv_cli.problem import Problem
from ganinv_cli.solvers.gd import GradientDescent
from ganinv_cli.solvers.parts.row_clipping import RowClipping

STOP = 1e-8  # image loss at which a peer's trial is done
BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
HERE = {
    "device": "CPU",
    "revision": "1a",
    "versions": {"ganinv": "1"},
    "checkpoint_sha256": "abc",
}


@pytest.fixture(scope="module", autouse=True)
def _findable():
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(BENCHMARKS))
        yield


@pytest.fixture(scope="module")
def descents():
    return importlib.import_module("side_by_side.descents")


@pytest.fixture(scope="module")
def libraries():
    return importlib.import_module("side_by_side.libraries")


@pytest.fixture(scope="module")
def records():
    return importlib.import_module("side_by_side.records")


@pytest.fixture(scope="module")
def peers():
    return importlib.import_module("peers")


@pytest.fixture(scope="module")
def entries():
    return importlib.import_module("side_by_side.entries").ENTRIES


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    generator = make_generator(builders.make_checkpoint(tmp_path_factory.mktemp("generator")))
    return importlib.import_module("side_by_side.task").RecoveryBenchmark(generator)


@pytest.fixture(scope="module")
def hard(tmp_path_factory):
    """Several first starts fail on it."""
    generator = make_generator(builders.make_hard_checkpoint(tmp_path_factory.mktemp("hard")))
    return importlib.import_module("side_by_side.task").RecoveryBenchmark(generator)


@pytest.fixture
def record(records):
    def made(**changed):
        length = changed.pop("updates", 0), changed.pop("of", 0)
        found = importlib.import_module("side_by_side.task").MethodResult(
            z=np.zeros((2, 6)),
            image_loss=np.array(changed.pop("losses", [0.0, 0.0])),
            gradients=np.array([100.0, 300.0]),
            seconds=changed.pop("seconds", 4.0),
            startup=1.0,
        )
        errors = np.array(changed.pop("errors", [0.0, 1.0]))
        pace = changed.pop("pace", (100.0, 100.0))
        title = changed.pop("title", "one")
        return records.make_record(title, length, found, errors, pace, changed.pop("stop", 0.0))

    return made


def test_plain_descent_is_the_solver_gd(descents, task):
    pixels = np.prod(task.generator.image_shape)
    method = descents.Descent(descents.momentum(0.5, 0.0), updates=30, precision="float64")
    found = method(task, 3, STOP)
    solver = GradientDescent(learning_rate=0.5 / pixels)
    state = solver.init(tf.constant(task.make_starts(np.arange(3), 0)))
    nothing = tf.zeros(3)
    problem = Problem(task.generator, tf.constant(task.make_images(3)), nothing, nothing)
    never, zeros = tf.zeros(3, tf.bool), tf.zeros(3, tf.int64)
    for _ in range(30):
        state = solver.step(
            problem,
            state,
            RowClipping(task.generator.prior, 0, tf.range(3, dtype=tf.int64), zeros, never, never),
        )
    np.testing.assert_allclose(found.z, state.z, atol=1e-6)
    np.testing.assert_allclose(found.image_loss, state.image_loss, rtol=1e-4)
    assert (found.gradients == 30).all()


def test_the_rate_is_halved_when_its_time_has_come(descents):
    z = tf.ones([1, 2])
    rows = descents.DescentState(z, z * 0, z * 0, z, tf.zeros(1))
    move = descents.momentum(1.0, 0.0, halve_every=10)
    moves = [float(move(z, rows, tf.constant(update))[0][0, 0]) for update in (9, 10, 20)]
    assert moves == [-1, -0.5, -0.25]


def test_momentum_adds_up_what_it_was_given(descents):
    z = tf.ones([1, 1])
    rows = descents.DescentState(z, z * 0, z * 0, z, tf.zeros(1))
    move, velocity, _ = descents.momentum(10.0, 0.7)(z, rows, tf.constant(0))
    assert (move.numpy().item(), velocity.numpy().item()) == (-10, 1)
    move, _, _ = descents.momentum(10.0, 0.7)(z, rows._replace(first=velocity), tf.constant(1))
    assert move.numpy().item() == pytest.approx(-17)


def test_adam_is_the_library_s(descents):
    gradients = np.random.default_rng(0).normal(size=(20, 1, 5)).astype(np.float32)
    theirs = tf.keras.optimizers.Adam(0.1, 0.5, 0.999, epsilon=1e-12)
    variable = tf.Variable(tf.zeros([1, 5]))
    z = tf.zeros([1, 5])
    rows = descents.DescentState(z, z, z, z, tf.zeros(1))
    move = descents.adam(0.1, 0.5, epsilon=1e-12)
    for number, gradient in enumerate(gradients):
        step, first, second = move(tf.constant(gradient), rows, tf.constant(number))
        rows = rows._replace(z=rows.z + step, first=first, second=second)
        theirs.apply_gradients([(tf.constant(gradient), variable)])
    np.testing.assert_allclose(rows.z, variable, atol=1e-5)


def test_each_project_redraws_as_its_code_does(descents):
    z = tf.constant([[1.0, -1.0, 1.5, 1.7, -3.0, -2.0, 0.25]])
    own = descents.redraw_outside(z, tf.constant(3)).numpy()[0]
    assert (np.abs(own) < 1).all() and len(set(own)) == 7 and own[6] == 0.25
    shared = descents.redraw_together(z, tf.constant(3)).numpy()[0]
    assert (np.abs(shared) <= 1).all()
    assert list(shared[[0, 1, 6]]) == [1, -1, 0.25]  # at a bound is inside
    assert shared[2] == shared[3] != shared[4] == shared[5]


def test_only_what_no_start_has_explained_starts_again(descents, hard):
    method = descents.Descent(descents.adam(0.05, 0.9), updates=200, starts=3)
    once = replace(method, starts=1)(hard, 12, STOP)
    found = method(hard, 12, STOP)
    explained = once.image_loss <= 1e-2
    assert 0 < explained.sum() < 12
    np.testing.assert_array_equal(found.gradients[explained], once.gradients[explained])
    assert (found.gradients[~explained] > 200).all()
    assert (found.image_loss <= once.image_loss + 1e-9).all()


def test_rows_that_are_done_leave_and_are_charged_no_more(descents, task):
    found = descents.Descent(descents.adam(0.05, 0.9), updates=3000)(task, 6, STOP)
    done = found.image_loss <= 1e-6
    assert done.any()
    assert (found.gradients[done] < 3000).all() and (found.gradients[~done] == 3000).all()
    assert (task.z_error(found.z)[done] < 1e-4).all()


@pytest.mark.parametrize("name", ["BoundedLBFGS", "BoundedLeastSquares"])
def test_a_library_method_recovers_inside_the_bounds(libraries, task, name):
    found = getattr(libraries, name)()(task, 4, STOP)
    explained = found.image_loss <= 1e-6
    assert explained.any()
    assert (task.z_error(found.z)[explained] < 1e-4).all()
    assert (np.abs(found.z) <= 1).all()
    assert (found.gradients > 1).all() and found.seconds > 0


def test_the_table_compares_trials_recovered_a_second(records, record):
    mine = [record(errors=[0, 0], seconds=1.0), record(errors=[0, 0], seconds=3.0)]
    theirs = record(title="theirs", errors=[0, 1], seconds=8.0)
    assert records.format_speedup(mine, theirs) == "8"  # 1 a second against 1 / 8


def test_equal_pace_takes_a_slow_machine_out(records, record):
    mine = [record(errors=[0, 0], seconds=1.0)]
    slowed = record(title="theirs", errors=[0, 0], seconds=8.0, pace=(40.0, 60.0))
    assert records.format_speedup(mine, slowed) == "8"
    assert records.format_speedup(mine, slowed, at_equal_pace=True) == "4"


def test_a_method_that_recovered_nothing_gets_a_bound_and_no_number(records, record):
    known = {
        "ganinv": record(errors=[0, 0], seconds=1.0),
        "other": record(title="short", errors=[1, 1], seconds=8.0, updates=50, of=1000),
    }
    text = records.format_page(known, HERE)
    assert "none recovered (> 16)" in text
    assert "short, 50 of 1,000 updates" in text
    assert "faster by 20." in text  # 2 a second; 1,000 gradients take 10 seconds


def test_a_busy_machine_is_told(records, record):
    calm = {"ganinv": record(), "other": record(title="calm")}
    assert "slowed the machine" not in records.format_page(calm, HERE)
    busy = calm | {"busy": record(title="busy", pace=(50.0, 60.0))}
    assert "busy: other work slowed the machine" in records.format_page(busy, HERE)


def test_what_was_measured_is_there_again(peers, records, record, tmp_path):
    path = tmp_path / "new" / "peers.json"
    assert records.load_records(path, HERE) == {}
    known = {"ganinv": record()}
    records.save_records(path, HERE, known)
    assert records.load_records(path, HERE) == known
    peers.write_page(path)
    assert path.with_suffix(".md").read_text() == records.format_page(known, HERE)
    with pytest.raises(ResultsError, match="another checkpoint_sha256"):
        records.load_records(path, HERE | {"checkpoint_sha256": "def"})
    path.write_text("[]")
    with pytest.raises(ResultsError, match="not a file of this benchmark"):
        records.load_records(path, HERE)


def test_a_peer_stops_where_the_last_of_our_recovered_trials_did(records, record):
    assert records.find_stop({}) is None
    known = {"ganinv": record(errors=[0, 1], losses=[8e-8, 3.0])}  # the second is not recovered
    assert records.find_stop(known) == 8e-8
    assert "done at an image loss of 8e-08" in records.format_page(known, HERE)


def test_a_larger_image_loss_to_stop_at_takes_fewer_gradients(descents, libraries, task):
    for method in (descents.Descent(descents.adam(0.05, 0.9), 3000), libraries.BoundedLBFGS()):
        near, far = (method(task, 3, stop) for stop in (1e-8, 1e-3))
        done = near.image_loss <= 1e-8
        assert done.any() and (far.gradients[done] < near.gradients[done]).all()
        assert (far.image_loss[done] <= 1e-3).all()


def test_a_peer_is_not_run_before_ours(peers, entries, task):
    asked = {"csgm": (entries["csgm"], 2, 5)}
    with pytest.raises(click.UsageError, match="run ganinv before it"):
        next(peers._run_entries(task, asked, {}))


def test_our_gradients_have_the_share_of_the_preconditioner(task):
    found = importlib.import_module("side_by_side.ours").run_ganinv(task, 4, 0.0)
    share = count_gradients(task.generator, 40) / 4
    assert share > 1 and (found.gradients > share).all()
    assert (task.z_error(found.z) < 1e-4).all()


def test_a_killed_run_goes_on_with_what_is_missing(peers, entries, record, task, monkeypatch):
    chosen = {name: entries[name] for name in ("paper-code", "defense-gan")}
    monkeypatch.setattr(task, "measure_pace", lambda: 100.0)
    asked = {name: (entry, 2, 5) for name, entry in chosen.items()}
    ours = {"ganinv": record(losses=[STOP, STOP])}
    first = ours | dict(peers._run_entries(task, {"paper-code": asked["paper-code"]}, ours))
    assert [*first] == ["ganinv", "paper-code"] and first["paper-code"].stop == STOP
    assert [name for name, _ in peers._run_entries(task, asked, first)] == ["defense-gan"]
    longer = {name: (entry, 3, 5) for name, entry in chosen.items()}
    assert [name for name, _ in peers._run_entries(task, longer, first)] == [*chosen]
    nearer = first | {"ganinv": record(losses=[STOP / 2, STOP])}
    assert [name for name, _ in peers._run_entries(task, asked, nearer)] == [*chosen]


def test_an_unknown_method_is_refused(peers):
    ran = CliRunner().invoke(peers.main, ["--only", "sorcery"])
    assert ran.exit_code == 2
    assert "no method 'sorcery'; they are ganinv, " in ran.output
