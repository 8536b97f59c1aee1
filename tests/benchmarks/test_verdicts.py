"""The study of the verdict prepares the pictures that it says, and counts correctly."""

import json

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import ganinv_cli as ganinv
from benchmarks import verdicts
from benchmarks.verdict_pictures import CHANGES, OWN, Case, load_generator, make_pictures


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder; the study is in build/verdicts."""
    monkeypatch.chdir(tmp_path)
    load_generator.cache_clear()
    return tmp_path


def apply_change(name):
    """Return a picture of noise before and after a change: uint8 (32, 32, channels)."""
    random = np.random.default_rng(0)
    picture = Image.fromarray(random.integers(20, 200, (32, 32, 3), np.uint8))
    changed = CHANGES[name].apply(picture, random)
    assert changed.size == picture.size
    return np.asarray(picture), np.asarray(changed)


def test_own_pictures_are_changed_in_14_ways():
    assert len(CHANGES) == 14 and sum(change.quality > 0 for change in CHANGES.values()) == 4
    for name, change in CHANGES.items():
        before, after = apply_change(name)
        kept = name == "PNG" or change.quality > 0  # JPEG loses when it is saved
        assert (before.shape == after.shape and (before == after).all()) == kept, name
    before, after = apply_change("shifted")
    assert (after[:, 1:] == before[:, :-1]).all()
    before, after = apply_change("cropped, padded")
    assert (after[4:-4, 4:-4] == before[4:-4, 4:-4]).all() and not after[:4].any()


@pytest.mark.parametrize(
    ("change", "right", "wrong"),
    [
        ("JPEG 50", "saved as JPEG 45", "colours changed; saved as JPEG 50"),
        ("resized, bilinear", "enlarged 2 times and back (bilinear)", "enlarged 2 times"),
        ("noise", "noise of 5.1 grey levels", "noise of 15.1 grey levels"),
        ("brightness", "colours changed (brightness × 1.10)", "made grey"),
        ("shifted", "shifted by (1, 0) pixels", "shifted by (0, 1) pixels"),
    ],
)
def test_a_chain_is_right_if_it_names_what_was_done(change, right, wrong):
    assert CHANGES[change].is_named(right) and not CHANGES[change].is_named(wrong)


def test_a_picture_depends_on_its_kind_and_number_alone(folder):
    case = Case("faces32", OWN, "noise")
    first, second = make_pictures(case, 2)
    pixels = [np.asarray(Image.open(path)) for path in (first, second)]
    first.unlink()
    (again,) = make_pictures(case, 1)
    assert (np.asarray(Image.open(again)) == pixels[0]).all()
    assert (pixels[0] != pixels[1]).any()


def test_a_sibling_moved_all_the_way_is_the_early_stage(folder):
    early, halfway = ganinv.load("faces32-early"), load_generator("faces32", 0.5)
    z = early.draw_z(2)
    assert np.abs(load_generator("faces32", 1.0)(z) - early(z)).max() < 1e-4
    assert np.abs(halfway(z) - early(z)).max() > 0.1


def test_the_page_has_the_shares_called_made_with_exact_intervals():
    def count(source, change, made, others, right=0):
        return {
            **{"generator": "faces32", "source": source, "change": change, "run": "8 starts"},
            **{"pictures": made + others, "verdicts": {"made": made, "outside": others}},
            **{"right_chains": right, "rmse": 0.3, "excess": None},
        }

    kinds = [
        count(OWN, "JPEG 75", 38, 2, right=36),
        count("flat", "PNG", 0, 10),
        count("flat", "JPEG 75", 1, 9),
        count("sibling, 3 %", "JPEG 75", 9, 1),
    ]
    lines = verdicts.format_page({"kinds": kinds}).splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines if "|" in line]
    own = next(row for row in rows if row[0] == "JPEG 75")
    assert own[1:3] == ["40", "38"] and own[-4:-2] == [".950 [.831, .994]", "36 of 38"]
    pools = [row[1:3] for row in rows if row[0].startswith("all")]
    assert pools == [["10", "0"], ["20", "10"], ["10", "1"]]  # PNG, JPEG, JPEG of far strangers


@pytest.mark.nightly
def test_a_run_goes_on_where_it_stopped(folder):
    def run(*options):
        words = ("--only", "faces32-own-png", "--starts", "1", *options)
        return CliRunner().invoke(verdicts.main, words, catch_exceptions=False).stdout

    file = folder / "build" / "verdicts" / "faces32-own-png.h5"
    run("--pictures", "1")
    times = file.stat().st_mtime_ns
    run("--pictures", "1")
    assert file.stat().st_mtime_ns == times
    assert run("--list") == "1 of 60 faces32-own-png\n"
    run("--pictures", "2")
    run("--keep", "counts.json")
    (kind,) = json.loads((folder / "counts.json").read_text("utf-8"))["kinds"]
    assert kind["pictures"] == 2 and sum(kind["verdicts"].values()) == 2
