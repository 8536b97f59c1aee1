"""New images are added to a results file; an image that it holds already is not done again."""

import json
import shutil
import signal

import builders
import h5py
import numpy as np
import pytest
from called import make_image, make_random_pixels, run_and_stop, run_ganinv, save_image

from ganinv_cli.engine.engine import Machine
from ganinv_cli.engine.local import SingleDevice
from ganinv_cli.errors import ImageError
from ganinv_cli.experiments import images, task
from ganinv_cli.images import Crop, make_target_image
from ganinv_cli.images.load import make_unread_image
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.settings.config import InvertConfig
from ganinv_cli.store import NamedImage, read_results, select_images


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A folder with four images beside a small checkpoint, and one file that is no image."""
    folder = tmp_path_factory.mktemp("small")
    generator = make_generator(builders.make_checkpoint(folder / "checkpoint"))
    for number, name in enumerate(("a.png", "b.png", "c.png")):
        save_image(folder / name, make_image(generator, number))
    save_image(folder / "noise.png", make_random_pixels(generator))
    (folder / "text.png").write_text("no image")
    return folder


def _invert(folder, small, *given, command="invert", trials=4, **keywords):
    named = [small / text if str(text).endswith(".png") else text for text in given]
    if command == "consistency":
        named = [
            word
            for name in named
            for word in (("--image", name) if str(name).endswith(".png") else (name,))
        ]
    more = ("--checkpoint", small / "checkpoint", "--trials", trials, "--batch-size", 8)
    return run_ganinv(folder, command, *named, *more, "--format", "json", **keywords)


def _list_names(result, table="invert"):
    return [row["image"] for row in json.loads(result.stdout)["tables"][table]]


def _read_names(path):
    groups = read_results(path).groups
    named = (name for name in sorted(groups) if "/" not in name)
    return [groups[name]["name"][0].decode() for name in named]


def _assert_equal(one, other):
    """Check that two groups of trials are equal bit for bit, all but the time they took."""
    assert set(one) == set(other)
    for column in one:
        if not column.endswith("seconds"):
            np.testing.assert_array_equal(one[column], other[column], column)


@pytest.fixture(scope="module")
def added(small, tmp_path_factory):
    """A folder with the results of a.png, to which noise.png was added, and what was printed."""
    folder = tmp_path_factory.mktemp("added")
    first = _invert(folder, small, "a.png")
    before = read_results(folder / "invert.h5").groups
    before = {name: {key: rows[key] for key in rows} for name, rows in before.items()}
    return folder, before, first, _invert(folder, small, "noise.png")


def test_an_added_image_leaves_the_others_as_they_are(added):
    folder, before, *_ = added
    results = read_results(folder / "invert.h5")
    assert results.complete
    assert _read_names(folder / "invert.h5") == ["a.png", "noise.png"]
    for name, rows in before.items():
        assert set(results.groups[name]) == set(rows)
        for key, values in rows.items():
            np.testing.assert_array_equal(results.groups[name][key], values)


@pytest.mark.parametrize("command", ["invert", "consistency"])
def test_an_added_image_gets_the_z_of_a_run_of_its_own(small, tmp_path, command):
    (tmp_path / "alone").mkdir()
    _invert(tmp_path, small, "a.png", command=command)
    _invert(tmp_path, small, "noise.png", command=command)
    _invert(tmp_path / "alone", small, "noise.png", command=command)
    groups = read_results(tmp_path / f"{command}.h5").groups
    alone = read_results(tmp_path / "alone" / f"{command}.h5").groups
    assert len(groups) == 2 * len(alone)
    for name, rows in alone.items():
        _assert_equal(groups[name.replace("image=0000", "image=0001")], rows)


def test_the_tables_show_the_images_of_the_command_and_report_shows_all(small, added):
    folder, _, first, second = added
    assert _list_names(first) == ["a.png"]
    assert _list_names(second) == ["noise.png"]
    reported = run_ganinv(folder, "report", "invert.h5", "--format", "json")
    assert _list_names(reported) == ["a.png", "noise.png"]
    rows = json.loads(reported.stdout)["tables"]["invert"]
    assert rows[1] == json.loads(second.stdout)["tables"]["invert"][0]


@pytest.mark.parametrize("names", [["a.png"], ["noise.png"], ["noise.png", "a.png"]])
def test_an_image_in_the_file_is_not_done_again(small, added, monkeypatch, names):
    folder = added[0]
    before = (folder / "invert.h5").read_bytes()
    monkeypatch.setattr(task, "solve", None)
    result = _invert(folder, small, *names)
    assert _list_names(result) == names
    assert (folder / "invert.h5").read_bytes() == before


def test_equal_content_under_another_name_is_the_same_image(small, added, tmp_path, monkeypatch):
    folder = added[0]
    shutil.copy(small / "noise.png", tmp_path / "copy.png")
    monkeypatch.setattr(task, "solve", None)
    result = _invert(folder, small, tmp_path / "copy.png", "noise.png")
    assert "copy.png is the same image as noise.png in invert.h5" in result.stderr
    assert _list_names(result) == ["copy.png", "noise.png"]
    assert _read_names(folder / "invert.h5") == ["a.png", "noise.png"]


def test_two_files_of_equal_content_in_one_command_are_one_image(small, tmp_path):
    shutil.copy(small / "a.png", tmp_path / "copy.png")
    _invert(tmp_path, small, "a.png", tmp_path / "copy.png", trials=1)
    assert _read_names(tmp_path / "invert.h5") == ["a.png"]


def test_a_file_that_is_no_image_is_recorded_once_and_reported_each_time(small, tmp_path):
    for names in (["a.png", "text.png"], ["text.png", "b.png"]):
        result = _invert(tmp_path, small, *names, trials=1, code=1)
        assert "text.png is no image of a known format" in result.stderr
        (unread,) = json.loads(result.stdout)["tables"]["unread"]
        assert (unread["image"], unread["number"]) == ("text.png", 1)
    assert _read_names(tmp_path / "invert.h5") == ["a.png", "text.png", "b.png"]
    result = _invert(tmp_path, small, "a.png", trials=1)
    assert json.loads(result.stdout)["tables"]["unread"] == []
    assert "no image of a known format" in _invert(tmp_path, small, "text.png", code=2).stderr


def test_images_may_have_different_numbers_of_starts(small, tmp_path):
    _invert(tmp_path, small, "a.png", trials=2)
    more = _invert(tmp_path, small, "b.png", trials=3)
    reported = run_ganinv(tmp_path, "report", "invert.h5", "--format", "json")
    for result in (more, reported):
        assert "missing" not in " ".join(json.loads(result.stdout)["notes"])
    rows = json.loads(reported.stdout)["tables"]["invert"]
    assert [row["starts"] for row in rows] == [2, 3]


def test_an_image_that_lacks_starts_is_said_to(small, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(images, "run_task", interrupt)
        _invert(tmp_path, small, "a.png", code=130)
    assert _list_names(_invert(tmp_path, small, "b.png")) == ["b.png"]
    reported = run_ganinv(tmp_path, "report", "invert.h5", "--format", "json")
    (note,) = (n for n in json.loads(reported.stdout)["notes"] if "missing" in n)
    assert "image=0000/stochastic 0, image=0001/stochastic 4 of 4 trials" in note
    assert _list_names(_invert(tmp_path, small, "a.png", "b.png")) == ["a.png", "b.png"]


def test_other_settings_are_refused_with_what_differs(small, added):
    folder = added[0]
    before = (folder / "invert.h5").read_bytes()
    error = _invert(folder, small, "b.png", "--seed", 1, code=2).stderr
    assert "--seed is 0 in the file, and 1 here" in error
    assert "image is" not in error
    assert (folder / "invert.h5").read_bytes() == before


@pytest.mark.slow
def test_a_kill_while_images_are_added_loses_nothing(small, added, tmp_path):
    shutil.copy(added[0] / "invert.h5", tmp_path)
    whole = read_results(added[0] / "invert.h5").groups
    given = ("--checkpoint", small / "checkpoint", "--trials", 4, "--batch-size", 2)
    names = [small / name for name in ("b.png", "noise.png", "c.png")]
    status, _ = run_and_stop(tmp_path, signal.SIGKILL, "invert", *names, *given)
    assert status == -signal.SIGKILL
    early = read_results(tmp_path / "invert.h5")
    assert not early.complete
    for name in whole:
        _assert_equal(early.groups[name], whole[name])
    assert _list_names(_invert(tmp_path, small, "c.png", "b.png")) == ["c.png", "b.png"]
    assert _read_names(tmp_path / "invert.h5") == ["a.png", "noise.png", "b.png", "c.png"]
    late = read_results(tmp_path / "invert.h5")
    assert late.complete
    for number in range(4):
        assert len(late.groups[f"image={number:04d}/stochastic"]["trial"]) == 4


def _run_shards(folder, small, names, total):
    for number in range(1, total + 1):
        _invert(folder, small, *names, "--shard", f"{number}/{total}")
    return [f"invert-{number}-of-{total}.h5" for number in range(1, total + 1)]


def test_merged_shards_are_extended_without_shard(small, tmp_path):
    names = ["a.png", "b.png", "noise.png"]
    files = _run_shards(tmp_path, small, names, 2)
    run_ganinv(tmp_path, "merge", "all.h5", *files)
    before = read_results(tmp_path / "all.h5").groups
    assert _read_names(tmp_path / "all.h5") == names
    result = _invert(tmp_path, small, "c.png", "b.png", "--out", "all.h5")
    assert _list_names(result) == ["c.png", "b.png"]
    assert _read_names(tmp_path / "all.h5") == [*names, "c.png"]
    after = read_results(tmp_path / "all.h5").groups
    for name in before:
        _assert_equal(before[name], after[name])


def test_merged_shards_of_a_consistency_run_are_extended(small, tmp_path):
    """Their shards have some trials of each image, and no certificates."""
    given = ("a.png", "b.png", "--clip", "none")
    for number in (1, 2):
        shard = ("--shard", f"{number}/2")
        _invert(tmp_path, small, *given, *shard, command="consistency", trials=9)
    parts = [f"consistency-{number}-of-2.h5" for number in (1, 2)]
    run_ganinv(tmp_path, "merge", "all.h5", *parts)
    more = ("c.png", "b.png", "--clip", "none", "--out", "all.h5")
    result = _invert(tmp_path, small, *more, command="consistency", trials=9)
    assert _list_names(result, "table2") == ["c.png", "b.png"]
    groups = read_results(tmp_path / "all.h5").groups
    assert _read_names(tmp_path / "all.h5") == ["a.png", "b.png", "c.png"]
    certified = [f"image={number:04d}/none/certificate" in groups for number in range(3)]
    assert certified == [False, True, True]


def test_the_same_command_completes_a_partial_merge_with_the_same_numbers(small, tmp_path):
    names = ["a.png", "b.png", "noise.png"]
    _run_shards(tmp_path, small, names, 3)
    run_ganinv(tmp_path, "merge", "all.h5", "invert-1-of-3.h5", "invert-3-of-3.h5", "--partial")
    assert _read_names(tmp_path / "all.h5") == ["a.png", "noise.png"]
    _invert(tmp_path, small, *names, "--out", "all.h5")
    assert _read_names(tmp_path / "all.h5") == names
    run_ganinv(tmp_path, "merge", "again.h5", "all.h5", "invert-2-of-3.h5")


def test_the_file_of_a_shard_takes_no_images_in_another_order(small, tmp_path):
    given = ("--shard", "1/2", "--out", "part.h5")
    _invert(tmp_path, small, "a.png", "b.png", "noise.png", *given, trials=1)
    _invert(tmp_path, small, "a.png", "b.png", "noise.png", *given, trials=1)
    error = _invert(tmp_path, small, "b.png", "a.png", *given, trials=1, code=2).stderr
    assert "part.h5 holds other images" in error


def test_shards_of_other_images_are_not_merged(small, tmp_path):
    _invert(tmp_path, small, "a.png", "b.png", "--shard", "1/2", trials=1)
    _invert(tmp_path, small, "a.png", "c.png", "--shard", "2/2", trials=1)
    parts = ("invert-1-of-2.h5", "invert-2-of-2.h5")
    error = run_ganinv(tmp_path, "merge", "all.h5", *parts, code=2).stderr
    assert "--image is" in error


def test_a_file_of_an_earlier_version_is_added_to(small, added, tmp_path):
    """Its `identity` has the images as well."""
    shutil.copy(added[0] / "invert.h5", tmp_path)
    with h5py.File(tmp_path / "invert.h5", "r+") as file:
        del file.attrs["attributes_sha256"]  # an earlier version wrote none
        identity = json.loads(file.attrs["identity"])
        file.attrs["identity"] = json.dumps(identity | {"images": 2, "images_sha256": "ab"})
    _invert(tmp_path, small, "b.png", trials=1)
    assert _read_names(tmp_path / "invert.h5") == ["a.png", "noise.png", "b.png"]


def test_selected_images_keep_their_share_of_what_the_run_spent_once(added):
    results = read_results(added[0] / "invert.h5")
    spent = float(results.constants["shared_gradients"])
    selected = select_images(results, [NamedImage(1, "noise.png"), NamedImage(1, "copy.png")])
    assert {name.partition("/")[0] for name in selected.groups} == {"image=0001"}
    assert float(selected.constants["shared_gradients"]) == spent / 2


def test_pictures_of_the_caller_are_run_in_place_of_files(small, tmp_path):
    generator = make_generator(builders.read(small / "checkpoint"))
    pixels = [make_image(generator, trial) for trial in (0, 1)]
    pictures = [
        make_target_image(each, name, generator.image_shape, Crop())
        for each, name in ((pixels[0], "first"), (pixels[1], "second"), (pixels[0], "third"))
    ]
    engine = SingleDevice(generator, Machine("CPU", "float32"))
    run = images.run_images(
        InvertConfig(trials=1),
        engine,
        tmp_path / "invert.h5",
        False,
        lambda _: None,
        pictures=[*pictures, make_unread_image("bad", generator.image_shape, ImageError("no"))],
    )
    assert run.images == ((0, "first"), (1, "second"), (0, "third"), (2, "bad"))
    assert run.unread == ["no"]
    assert run.renamed == [f"third is the same image as first in {tmp_path / 'invert.h5'}"]
    assert _read_names(tmp_path / "invert.h5") == ["first", "second", "bad"]
