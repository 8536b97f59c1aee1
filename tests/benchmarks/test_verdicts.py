"""The study of the verdict prepares the pictures that it says, and counts correctly."""

import csv
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import ganinv_cli as ganinv
from benchmarks import verdicts
from benchmarks.verdict_edits import EDITS
from benchmarks.verdict_pictures import (
    OWN,
    SIBLINGS,
    Case,
    find_origin,
    load_generator,
    make_picture,
)
from benchmarks.verdicts import Line


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty current folder; the study is in build/verdicts."""
    monkeypatch.chdir(tmp_path)
    load_generator.cache_clear()
    return tmp_path


def test_each_edit_changes_a_picture_or_loses_when_it_is_saved():
    assert len(EDITS) >= 40
    pixels = np.random.default_rng(0).integers(20, 200, (32, 32, 3), np.uint8)
    for name, edit in EDITS.items():
        after = edit.apply(Image.fromarray(pixels), np.random.default_rng(0))
        same = after.size == (32, 32) and (np.asarray(after.convert("RGB")) == pixels).all()
        assert not same or name == "PNG" or edit.suffix != "png", name


@pytest.mark.parametrize(
    ("edit", "right", "wrong"),
    [
        ("JPEG 50", "saved as JPEG 45", "colours changed; saved as JPEG 50"),
        ("resized, bilinear", "enlarged 2 times and back (bilinear)", "enlarged 2 times"),
        ("noise", "noise of 5.1 grey levels", "noise of 15.1 grey levels"),
        ("brightness", "colours changed (brightness × 1.10)", "made grey"),
        ("shifted", "shifted by (1, 0) pixels", "shifted by (0, 1) pixels"),
    ],
)
def test_a_chain_is_right_if_it_names_what_was_done(edit, right, wrong):
    assert EDITS[edit].is_named(right) and not EDITS[edit].is_named(wrong)


def test_a_picture_depends_on_its_kind_and_number_alone(folder):
    case = Case("faces32", OWN, "noise")
    first, second = (make_picture(case, number) for number in range(2))
    pixels = [np.asarray(Image.open(path)) for path in (first, second)]
    first.unlink()
    assert (np.asarray(Image.open(make_picture(case, 0))) == pixels[0]).all()
    assert (pixels[0] != pixels[1]).any()
    assert find_origin(case, 0) != find_origin(case, 1)


def test_a_sibling_moved_all_the_way_is_the_early_stage(folder):
    early = ganinv.load("faces32-early")
    z = early.draw_z(2)
    assert np.abs(load_generator("faces32", "sibling, 100 %")(z) - early(z)).max() < 1e-4


@pytest.mark.parametrize("name", SIBLINGS)
def test_siblings_are_farther_with_a_larger_share_and_a_quantised_one_is_near(name, folder):
    own = ganinv.load(name)
    z = own.draw_z(2)
    siblings = [load_generator(name, sibling)(z) for sibling in SIBLINGS[name]]
    *moved, quantised = (np.abs(sibling - own(z)).mean() for sibling in siblings)
    assert [0, quantised, *moved] == sorted({0, quantised, *moved})


def make_lines(source, kind, made, others, origins=0):
    return [
        Line(
            *("a.png", "faces32", kind, source, f"{n % origins if origins else n}"),
            *("made" if n < made else "outside", "saved as JPEG 75", 0.1, 0.3, 0.3, 0.01, "abc"),
        )
        for n in range(made + others)
    ]


def test_the_page_has_shares_with_exact_intervals_over_origins():
    lines = [
        *make_lines(OWN, "JPEG 75", 38, 2),
        *make_lines("photographs", "PNG", 0, 10, origins=5),
        *make_lines("flat", "JPEG 75", 1, 9),
        *make_lines("sibling, 3 %", "JPEG 75", 9, 1),
    ]
    page = verdicts.format_page(lines).splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page if "|" in line]
    own = next(row for row in rows if row[0] == "JPEG 75")
    assert own[1:3] == ["40", "38"] and own[8:11] == [".950 [.831, .994]", "38 of 38", "38 of 38"]
    strange = next(row for row in rows if row[0] == "photographs")
    assert strange[1] == "10" and strange[8] == "0.00 [0.00, .522]"  # of 5 photographs
    pools = [row[1:3] for row in rows if row[0].startswith("all")]
    assert pools == [["40", "38"], ["40", "38"], ["10", "0"], ["20", "10"], ["10", "1"]]


def test_kept_lines_are_read_again(tmp_path):
    lines = [*make_lines(OWN, "PNG", 1, 1), *make_lines("flat", "PNG", 0, 1)]
    lines[-1] = lines[-1]._replace(distance=None)
    verdicts.write_lines(tmp_path / "kept.csv", lines)
    assert verdicts.read_kept(tmp_path / "kept.csv") == lines


@pytest.mark.nightly
def test_a_run_goes_on_where_it_stopped_and_keeps_a_line_per_picture(folder, monkeypatch):
    def run(*options):
        words = ("--only", "faces32-own-png", "--starts", "1", *options)
        return CliRunner().invoke(verdicts.main, words, catch_exceptions=False)

    file = folder / "build" / "verdicts" / "faces32.h5"
    run("--pictures", "1")
    times = file.stat().st_mtime_ns
    run("--pictures", "1")
    assert file.stat().st_mtime_ns == times
    assert run("--list").stdout == "1 of 20 faces32-own-png\n"
    run("--pictures", "2")
    run("--keep", "kept.csv")
    lines = list(csv.DictReader(Path("kept.csv").read_text("utf-8").splitlines()))
    assert [line["verdict"] for line in lines] == ["made", "made"]
    assert all(float(line["distance"]) < 0.01 for line in lines)
    monkeypatch.setattr(verdicts, "read_git_revision", lambda: "another")
    refused = run("--pictures", "3")
    assert refused.exit_code == 1 and "is of ganinv at" in refused.output
