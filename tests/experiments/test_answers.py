"""The starts of a picture end when two of them have answered it, and only then."""

import json

import conditional
import numpy as np
import pytest
from called import make_image, make_random_pixels, run_ganinv, save_image
from PIL import Image

from ganinv_cli.engine import devices
from ganinv_cli.experiments import answers, image_judge, run_experiment
from ganinv_cli.experiments.committer import Committer
from ganinv_cli.experiments.experiment import Request
from ganinv_cli.experiments.invert import EXPERIMENT
from ganinv_cli.experiments.invert.config import InvertConfig
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.images import to_pixels
from ganinv_cli.loaded_generator import LoadedGenerator
from ganinv_cli.progress import SILENT
from ganinv_cli.results.analysis.trial_sets import read_trial_sets
from ganinv_cli.results.store import read_results
from ganinv_cli.results.store.rows import count_rows

STARTS, CERTIFICATES = "stochastic/starts", "stochastic/certificates"
OWN = 3  # pictures of `mixed` that the generator made

# The picture of any z with a negative first component is grey, and G is flat there.
GREY = """
import tensorflow as tf

LATENT = 4
WEIGHTS = tf.random.stateless_normal((4, 192), (3, 1)) / 3

def generate(z):
    x = tf.nn.relu(z[:, :1]) * (z @ WEIGHTS) + 0.012
    return tf.tanh(tf.reshape(x, (-1, 8, 8, 3)))
"""

# The last component of z changes nothing.
LOW_RANK = """
import tensorflow as tf

LATENT = 4
WEIGHTS = tf.random.stateless_normal((3, 192), (3, 1)) / 3

def generate(z):
    return tf.tanh(tf.reshape(z[:, :3] @ WEIGHTS, (-1, 8, 8, 3)))
"""


@pytest.fixture(scope="module")
def mixed(easy, tmp_path_factory):
    """A folder with OWN pictures of the easy generator, and then two strangers."""
    folder = tmp_path_factory.mktemp("mixed")
    for number in range(OWN):
        save_image(folder / f"{number}.png", make_image(easy.generator, number))
    noise = make_random_pixels(easy.generator)
    save_image(folder / "8.png", noise)
    save_image(folder / "9.png", noise[::-1])
    return folder


@pytest.fixture
def invert(easy, mixed, tmp_path):
    """Return a function that inverts pictures of that folder, all or those named, in `folder`."""

    def invert(*given, folder=tmp_path, names=(".",), **keywords):
        pictures = [mixed / name for name in names]
        more = ("--checkpoint", easy.folder, "--align", "none", "--format", "json", "--starts", 6)
        return run_ganinv(folder, "invert", *pictures, *more, *given, **keywords)

    return invert


def _read(folder):
    return read_results(folder / "invert.h5").groups


def _list_answers(groups):
    """What the certificate of each image says, and the trials that are in the file."""
    rows = groups[CERTIFICATES]
    trials = {
        number: groups[STARTS]["trial"][groups[STARTS]["image"] == number].tolist()
        for number in rows["image"].tolist()
    }
    columns = (rows[name].tolist() for name in ("image", "answered", "recoveries", "verdict"))
    found = {}
    for image, answered, count, verdict in zip(*columns, strict=True):
        assert trials[image] == list(range(count))
        found[image] = (verdict.decode(), bool(answered), count)
    return found


def _assert_same_bits(one, other):
    """Check all but the time that was taken, and the gradients of a J that was computed again."""
    assert one.keys() == other.keys()
    for name, rows in one.items():
        assert set(rows) == set(other[name])
        for column, values in rows.items():
            if not column.endswith("seconds") and column != "polished/gradients":
                assert other[name][column].tobytes() == values.tobytes(), (name, column)


def test_an_own_picture_ends_with_two_starts_and_more_starts_do_not_reopen_it(
    easy, tmp_path, monkeypatch
):
    save_image(tmp_path / "a.png", make_image(easy.generator, 0))
    given = ("invert", "a.png", "--checkpoint", easy.folder, "--format", "json")
    result = run_ganinv(tmp_path, *given)
    assert _list_answers(_read(tmp_path)) == {0: ("made", True, 2)}
    (row,) = json.loads(result.stdout)["tables"]["invert"]
    assert (row["verdict"], row["starts"]) == ("made", 2)
    before = (tmp_path / "invert.h5").read_bytes()
    monkeypatch.setattr(image_judge, "make_certificate", None)  # not called again
    run_ganinv(tmp_path, *given, "--starts", 12)
    assert _list_answers(_read(tmp_path)) == {0: ("made", True, 2)}
    assert (tmp_path / "invert.h5").read_bytes() == before
    with pytest.raises(AssertionError):  # another picture gets its starts
        save_image(tmp_path / "b.png", make_random_pixels(easy.generator))
        run_ganinv(tmp_path, *given, "b.png", "--starts", 12)


@pytest.mark.parametrize(
    ("source", "grey"), [(GREY, True), pytest.param(LOW_RANK, False, marks=pytest.mark.slow)]
)
def test_a_picture_of_many_z_has_all_its_starts_and_is_ambiguous(tmp_path, source, grey):
    (tmp_path / "generator.py").write_text(source, encoding="utf-8")
    run_ganinv(tmp_path, "sample", "generator.py", "--trust", "--out", "a.png", "--count", 1)
    if grey:
        save_image(tmp_path / "a.png", np.full((8, 8, 3), 129, np.uint8))
    given = ("a.png", "--checkpoint", "generator.py", "--trust", "--starts", 5, "--align", "none")
    run_ganinv(tmp_path, "invert", *given)
    assert _list_answers(_read(tmp_path)) == {0: ("ambiguous", False, 5)}


def test_a_white_picture_gets_its_verdict_where_the_generator_is_flat(tmp_path):
    (tmp_path / "generator.py").write_text(GREY, encoding="utf-8")
    save_image(tmp_path / "white.png", np.full((8, 8, 3), 255, np.uint8))
    save_image(tmp_path / "grey.png", np.full((8, 8, 3), 129, np.uint8))
    given = ("--checkpoint", "generator.py", "--trust", "--starts", 2)
    run_ganinv(tmp_path, "invert", "white.png", "grey.png", *given)
    certificates = _read(tmp_path)[CERTIFICATES]
    assert certificates["verdict"].tolist() == [b"outside", b"ambiguous"]


def test_the_progress_counts_the_starts_that_ran(invert):
    said = invert("--batch-size", 1, "--clip", "none,stochastic", names=("0.png", "1.png")).stderr
    assert "8/8 trials, 4/4 images judged" in said.splitlines()[-2]


def _invert_conditional(folder, label, *, twins=False, **settings):
    """Invert a picture of a label; with `twins`, label 1 makes the same pictures as label 0."""
    definition = conditional.make_conditional_definition()
    if twins:
        weights = definition.network.nodes[1].layer.weights
        weights[conditional.LATENT + 1] = weights[conditional.LATENT]
    generator = make_generator(definition)
    z = np.random.default_rng(2).uniform(-1, 1, (1, conditional.LATENT))
    path = folder / "image.png"
    save_image(path, to_pixels(generator.render(z, 1, labels=np.array([label])))[0])
    config = InvertConfig(image=(str(path),), align="none", **settings)
    request = Request(EXPERIMENT, config, folder / "invert.h5")
    run_experiment.run_experiment(request, LoadedGenerator("digits", definition), SILENT)
    return _read(folder)


@pytest.mark.parametrize(("label", "count"), [pytest.param(0, 4, marks=pytest.mark.slow), (2, 6)])
def test_each_label_has_a_start_before_a_picture_is_answered(tmp_path, label, count):
    groups = _invert_conditional(tmp_path, label, trials=12, batch_size=1)
    assert _list_answers(groups) == {0: ("made", True, count)}
    labels = groups[STARTS]["label"]
    assert labels.tolist() == [trial % conditional.LABELS for trial in range(count)]
    assert labels[groups[CERTIFICATES]["best"][0]] == label


def test_a_picture_of_two_labels_has_all_its_starts_and_is_ambiguous(tmp_path):
    groups = _invert_conditional(tmp_path, 0, twins=True, trials=9)
    assert _list_answers(groups) == {0: ("ambiguous", False, 9)}


def test_a_stranger_has_all_its_starts(invert, tmp_path):
    invert(names=("8.png",))
    ((_, answered, count),) = _list_answers(_read(tmp_path)).values()
    assert (answered, count) == (False, 6)


def _assert_same_answers(groups, others):
    assert _list_answers(groups) == _list_answers(others)
    rows, certificates = others[STARTS], groups[CERTIFICATES]
    own = certificates["answered"] > 0
    for z, deviation, other in zip(
        certificates["z_explained"][own],
        certificates["z_deviation"][own],
        others[CERTIFICATES]["z_explained"][own],
        strict=True,
    ):
        assert (np.abs(z - other) <= 0.01 * deviation).all()
    assert (
        rows.get("label", np.array([-1])).tolist()
        == groups[STARTS].get("label", np.array([-1])).tolist()
    )


@pytest.fixture(scope="module")
def one_by_one(easy, mixed, tmp_path_factory):
    """The groups of a run with one row in its batch."""
    folder = tmp_path_factory.mktemp("one")
    more = ("--checkpoint", easy.folder, "--align", "none", "--starts", 6, "--batch-size", 1)
    run_ganinv(folder, "invert", mixed, *more)
    return {name: dict(rows) for name, rows in _read(folder).items()}


@pytest.mark.slow
@pytest.mark.parametrize("size", [7, 64])
def test_the_answers_do_not_depend_on_the_batch(invert, one_by_one, tmp_path, size):
    answers = _list_answers(one_by_one)
    assert [answers[number] for number in range(OWN)] == [("made", True, 2)] * OWN
    assert [count for _, _, count in answers.values()][OWN:] == [6, 6]
    invert("--batch-size", size)
    _assert_same_answers(one_by_one, _read(tmp_path))


@pytest.mark.slow
def test_two_devices_find_the_answers_of_one(invert, one_by_one, tmp_path, monkeypatch):
    monkeypatch.setattr(devices, "find_devices", lambda _: [devices.Device("cpu", 0)] * 2)
    invert("--batch-size", 2)
    _assert_same_answers(one_by_one, _read(tmp_path))


@pytest.mark.slow
def test_pictures_one_at_a_time_and_all_at_once_have_the_same_z(invert, one_by_one, tmp_path):
    for name in ("0.png", "1.png", "2.png", "8.png", "9.png"):
        invert("--batch-size", 1, names=(name,))
    _assert_same_bits(one_by_one, _read_as(tmp_path, one_by_one))


def _read_as(folder, groups):
    """The groups of a folder, with the names of images that others have."""
    return {
        name: {**rows, "name": groups[name]["name"]} if "name" in rows else dict(rows)
        for name, rows in _read(folder).items()
    }


@pytest.mark.slow
def test_two_shards_have_the_z_of_one_run(invert, one_by_one, tmp_path):
    for shard in (1, 2):
        invert("--batch-size", 1, "--shard", f"{shard}/2")
    shards = sorted(path.name for path in tmp_path.glob("invert*.h5"))
    assert len(shards) == 2
    merged = run_ganinv(tmp_path, "merge", "invert.h5", *shards)
    assert "lacks" not in merged.stderr
    _assert_same_bits(one_by_one, _read(tmp_path))


@pytest.mark.slow
@pytest.mark.parametrize("stop_at", [1, 2, 3, 5, 9])
def test_an_interrupted_run_goes_on_to_the_same_answers(
    invert, one_by_one, tmp_path, monkeypatch, stop_at
):
    """It is interrupted when that many starts have ended: before or after the picture's last."""
    take, ended = Committer.take, 0

    def take_and_stop(committer, rows):
        nonlocal ended
        ended += sum(count_rows(each) for each in rows.values())
        if ended < stop_at:
            return take(committer, rows)
        committer.run.commit(committer._judge._polish(rows))  # the certificate is lacking
        raise KeyboardInterrupt

    monkeypatch.setattr(Committer, "take", take_and_stop)
    invert("--batch-size", 1, code=130)
    monkeypatch.undo()
    assert read_results(tmp_path / "invert.h5").groups[STARTS]["trial"].size == stop_at
    invert("--batch-size", 1)
    _assert_same_bits(one_by_one, _read(tmp_path))


@pytest.mark.slow
def test_starts_that_ran_beside_do_not_count_while_the_run_goes_on_and_are_left_out(
    invert, tmp_path, monkeypatch
):
    monkeypatch.setattr(answers, "FIRST_ROUNDS", 6)  # released, though two starts are enough
    finish = run_experiment.Run.finish
    monkeypatch.setattr(run_experiment.Run, "finish", lambda *_: None)
    invert("--batch-size", 64, names=("0.png",))
    results = read_results(tmp_path / "invert.h5")
    assert not results.complete
    assert len(results.groups[STARTS]["trial"]) > 2
    (trial_set,) = read_trial_sets(results)
    assert (trial_set.evidence.starts, trial_set.judgement.verdict) == (2, "made")
    monkeypatch.setattr(run_experiment.Run, "finish", finish)
    invert("--batch-size", 64, names=("0.png",))
    assert _list_answers(_read(tmp_path)) == {0: ("made", True, 2)}


@pytest.mark.slow
def test_an_own_jpeg_is_answered_by_two_starts(tmp_path):
    run_ganinv(tmp_path, "sample", "faces32", "--count", 1, "--out", "a.png")
    with Image.open(tmp_path / "a.png") as picture:
        picture.save(tmp_path / "a.jpg", quality=90)
    run_ganinv(tmp_path, "invert", "a.jpg", "--checkpoint", "faces32", "--batch-size", 1)
    assert _list_answers(_read(tmp_path)) == {0: ("made", True, 2)}
