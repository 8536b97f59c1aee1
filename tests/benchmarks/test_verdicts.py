"""The study of the verdict draws the pictures that it says, goes on, and counts correctly."""

from collections import Counter

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import ganinv_cli as ganinv
from benchmarks.verdicts import __main__ as command
from benchmarks.verdicts import chunks, random_edits, strangers
from benchmarks.verdicts.chunks import Chunk
from benchmarks.verdicts.generators import (
    GENERATORS,
    draw_z,
    list_siblings,
    load_generator,
    load_sibling,
)
from benchmarks.verdicts.lines import COMPOSED, Line, read_lines, write_lines
from benchmarks.verdicts.listed_edits import EDITS
from benchmarks.verdicts.page import find_widest, format_page
from benchmarks.verdicts.random_edits import GROUPS, LOSSY
from benchmarks.verdicts.sample import LISTED, OWN, draw_sample

PIXELS = np.random.default_rng(0).integers(20, 200, (32, 32, 3), np.uint8)


def test_each_listed_edit_changes_a_picture_or_loses_when_it_is_saved():
    for name, edit in EDITS.items():
        after = edit.apply(Image.fromarray(PIXELS), np.random.default_rng(0))
        same = after.size == (32, 32) and (np.asarray(after.convert("RGB")) == PIXELS).all()
        assert not same or name == "PNG" or edit.suffix != "png", name


@pytest.mark.parametrize("group", GROUPS)
def test_each_random_edit_changes_a_picture_of_any_shape_and_says_how(group):
    for name, edit in random_edits.EDITS[group].items():
        for pixels in (PIXELS, PIXELS[:23]):
            after, words = edit(Image.fromarray(pixels), np.random.default_rng(0))
            same = after.size == pixels.shape[1::-1] and (np.asarray(after) == pixels).all()
            assert words and after.mode == "RGB" and not same, name


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


@pytest.fixture
def portraits_for_photographs(monkeypatch):
    """Photographs are downloaded; these portraits are not."""
    paths = sorted(strangers.PORTRAITS.glob("*.png"))
    monkeypatch.setattr(strangers, "_fetch_photographs", lambda: paths)


@pytest.mark.usefixtures("portraits_for_photographs")
def test_the_sample_is_balanced(tmp_path):
    drawn = draw_sample("faces32", range(40), tmp_path)
    own = [one for one in drawn if one.source == OWN]
    other = [one for one in drawn if one.source != OWN]
    assert len(own) == len(other) == 40
    groups = Counter((one.lossy, one.groups) for one in own if ", " not in one.groups)
    assert groups == {(lossy, group): 2 for lossy in ("yes", "no") for group in GROUPS}
    assert Counter((x.lossy, bool(x.groups)) for x in other) == {
        (lossy, edited): 10 for lossy in ("yes", "no") for edited in (False, True)
    }
    for lossy in ("yes", "no"):
        averages = [x for x in other if x.lossy == lossy and x.source.startswith("average")]
        assert len(averages) == 4
    for one in drawn:
        is_lossy = one.name.endswith("jpg") or not LOSSY.keys().isdisjoint(one.kind.split(", "))
        assert is_lossy == (one.lossy == "yes"), one


@pytest.mark.usefixtures("portraits_for_photographs")
def test_a_picture_depends_on_its_number_alone_and_its_z_is_kept(tmp_path):
    drawn = draw_sample("faces32", range(3), tmp_path / "three")
    alone = draw_sample("faces32", [2], tmp_path / "alone")
    assert alone == drawn[-2:]
    for one in alone:
        pair = ((tmp_path / folder / one.name).read_bytes() for folder in ("three", "alone"))
        assert len({*pair}) == 1
    z = np.load(tmp_path / "three" / "z.npy")
    assert [bool(np.isnan(row).any()) for row in z] == [one.source != OWN for one in drawn]
    assert (z[-2] == np.load(tmp_path / "alone" / "z.npy")[0]).all()


def test_a_sibling_moved_all_the_way_is_the_early_stage():
    early = ganinv.load("faces32-early")
    z = early.draw_z(2)
    sibling = load_sibling("faces32", "early stage, 100 %")
    assert np.abs(sibling(z) - early(z)).max() < 1e-4


def test_siblings_are_farther_with_more_noise_and_one_of_8_bits_is_near():
    own = load_generator("portraits64")
    z = draw_z(own, np.random.default_rng(0), 2)
    siblings = [load_sibling("portraits64", name)(z) for name in list_siblings("portraits64")]
    *noisy, quantised = (np.abs(sibling - own(z)).mean() for sibling in siblings)
    assert [0, quantised, *noisy] == sorted({0, quantised, *noisy})


def make_line(number=0, verdict="made", **values):
    line = Line(
        *("a.png", "faces32", "JPEG", "JPEG 80", "codec", "yes", OWN, f"{OWN}: {number}"),
        *(verdict, "saved as JPEG 80", 0.1, 0.3, 0.3, 0.01, 8.0, "abc"),
    )
    return line._replace(**values)


def make_strangers(source, wrong, number, origins=0):
    return [
        make_line(
            verdict="edited" if n < wrong else "outside",
            source=source,
            groups="",
            lossy="no",
            origin=f"{source}: {n % origins if origins else n}",
            distance=None,
        )
        for n in range(number)
    ]


def read_rows(page, title):
    """Return the cells of a table, by its first two columns."""
    _, _, section = page.partition(f"### {title}\n")
    lines = section.partition("###")[0].splitlines()
    rows = [[cell.strip() for cell in x.split("|")[1:-1]] for x in lines if x.startswith("|")]
    return {tuple(row[:2]): dict(zip(rows[0], row, strict=True)) for row in rows[2:]}


def test_the_page_has_shares_with_exact_intervals_over_origins():
    lines = [
        *(make_line(n, "made" if n < 30 else "edited" if n < 38 else "outside") for n in range(40)),
        make_line(40, groups="tone, codec", distance=0.7),
        *make_strangers("photographs", 0, 10, origins=5),
        *make_strangers("averages, 90 %", 3, 10),
        make_line(kind="JPEG 75", groups=LISTED, chain="saved as JPEG 75"),
    ]
    page = format_page(lines)
    own = read_rows(page, "Own pictures of faces32")
    codec = own["codec", "with JPEG"]
    assert (codec["number"], codec["made"], codec["edited"]) == ("40", "30", "8")
    assert (codec["made or edited"], codec["right z"]) == (".950 [.831, .994]", "38 of 38")
    assert own[COMPOSED, "with JPEG"]["right z"] == "0 of 1"
    assert own["all", "with JPEG"]["number"] == "41"
    strange = read_rows(page, "Strangers to faces32")
    photographs = strange["photographs", "without JPEG"]
    assert photographs["number"] == "10"
    assert photographs["called edited"] == ".000 [.000, .522]"  # of 5 photographs
    assert strange["all", "without JPEG"]["edited"] == "3"
    assert strange["all but averages and near siblings", "without JPEG"]["number"] == "10"
    listed = read_rows(page, "Listed edits")
    assert listed["JPEG 75", "1"]["right change"] == "1 of 1"


def test_the_summary_has_a_row_for_each_generator_and_class():
    lines = [
        *(make_line(n, "made" if n < 20 else "outside", lossy="no") for n in range(30)),
        make_line(30, "edited", distance=0.7, lossy="no"),
        make_line(31, kind="JPEG 75", groups=LISTED, lossy="no"),  # is not a random picture
        *make_strangers("photographs", 2, 10, origins=5),
        *make_strangers("averages, 90 %", 3, 4),
        make_line(generator="portraits64"),
    ]
    summary = read_rows(format_page(lines), "Summary")
    assert [*summary] == [("faces32", "without JPEG"), ("portraits64", "with JPEG")]
    first, last = summary.values()
    assert first["own: made or edited"] == ".677 [.486, .833] of 31"
    assert first["right z"] == ".952 [.762, .999] of 21"
    assert first["far: made"] == ".000 [.000, .522] of 5"  # photographs
    assert first["far: edited"] == ".400 [.053, .853] of 5"
    assert first["near: made or edited"] == ".750 [.194, .994] of 4"
    assert (last["right z"], last["far: made"]) == ("1.000 [.025, 1.000] of 1", "-")


def test_the_widest_interval_is_that_of_the_class_with_the_fewest_pictures():
    lines = [
        make_line(n, lossy=lossy, source=source)
        for lossy in ("yes", "no")
        for source, number in ((OWN, 100), ("flat", 100))
        for n in range(number)
    ]
    assert find_widest(lines) == pytest.approx(0.018, abs=1e-3)
    assert find_widest(lines[:-80]) > find_widest(lines)
    assert find_widest(lines[:-100]) == 0.5


def test_kept_lines_are_read_again(tmp_path):
    lines = [make_line(), make_line(distance=None)]
    write_lines(tmp_path / "kept.csv", lines)
    assert read_lines(tmp_path / "kept.csv") == lines


def test_a_chunk_that_was_killed_is_made_again_and_a_finished_one_is_not(tmp_path, monkeypatch):
    inverted = []

    def invert(chunk, drawn):
        inverted.append((chunk, len(drawn)))
        write_lines(chunk.lines, [make_line()])

    monkeypatch.setattr(chunks, "FOLDER", tmp_path)
    monkeypatch.setattr(chunks, "invert", invert)
    finished, killed, new = (Chunk("faces32", LISTED, number) for number in range(3))
    finished.folder.mkdir(parents=True)
    write_lines(finished.lines, [make_line()])
    killed.draw()
    (killed.folder / "lines.part").write_text("name", "utf-8")
    chunks.invert_chunks(iter([finished, killed, new]), hours=1)
    assert sorted(inverted) == [(killed, chunks.KINDS), (new, chunks.KINDS)]
    chunks.invert_chunks(iter([Chunk("faces32", LISTED, 3)]), hours=0)
    assert len(inverted) == 2


@pytest.mark.nightly
@pytest.mark.usefixtures("portraits_for_photographs")
def test_a_run_adds_to_what_is_done_and_refuses_another_revision(tmp_path, monkeypatch):
    def run(*options):
        words = ("--generator", "faces32", "--hours", "0.0001", *options)
        return CliRunner().invoke(command.main, words, catch_exceptions=False)

    monkeypatch.setattr(chunks, "FOLDER", tmp_path)
    monkeypatch.setattr(chunks, "CORES", 1)
    monkeypatch.setitem(GENERATORS, "faces32", GENERATORS["faces32"]._replace(chunk=1))
    run()
    run()
    kept = tmp_path / "kept.csv"
    run("--keep", str(kept))
    own = [line for line in read_lines(kept) if line.is_own]
    assert [line.name for line in own] == ["faces32-own-0000.png", "faces32-own-0001.jpg"]
    assert all(line.is_right for line in own if line.is_explained)
    assert kept.with_suffix(".md").read_text("utf-8") == format_page(read_lines(kept))
    monkeypatch.setattr(command, "read_git_revision", lambda: "another")
    refused = run()
    assert refused.exit_code == 1 and "has results of ganinv at" in refused.output
