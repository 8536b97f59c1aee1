"""The study of the verdict draws the pictures that it says, goes on, and counts correctly."""

from collections import Counter

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from benchmarks.verdicts import __main__ as command
from benchmarks.verdicts import lines as study
from benchmarks.verdicts import strangers
from benchmarks.verdicts.generators import draw_z, list_siblings, load_generator, load_sibling
from benchmarks.verdicts.lines import Line, read_lines, write_lines
from benchmarks.verdicts.listed_edits import EDITS
from benchmarks.verdicts.page import format_page
from benchmarks.verdicts.sample import OWN, draw_sample

pytestmark = pytest.mark.slow
PIXELS = np.random.default_rng(0).integers(20, 200, (32, 32, 3), np.uint8)


def test_each_listed_edit_changes_a_picture_or_loses_when_it_is_saved():
    for name, edit in EDITS.items():
        after = edit.apply(Image.fromarray(PIXELS), np.random.default_rng(0))
        same = after.size == (32, 32) and (np.asarray(after.convert("RGB")) == PIXELS).all()
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


@pytest.fixture
def photographs(tmp_path, monkeypatch):
    """Photographs are downloaded; this one is not."""
    Image.fromarray(PIXELS).save(tmp_path / "photograph.png")
    monkeypatch.setattr(strangers, "_fetch_photographs", lambda: [tmp_path / "photograph.png"])


@pytest.mark.usefixtures("photographs")
def test_a_sample_is_balanced_and_a_picture_depends_on_its_number_alone(tmp_path):
    drawn, latents = draw_sample("faces32", range(len(EDITS)), tmp_path / "all")
    own = [one for one in drawn if one.source == OWN]
    other = [one for one in drawn if one.source != OWN]
    assert Counter(one.kind for one in own) == dict.fromkeys(EDITS, 1)
    unedited = Counter(one.kind for one in other)
    assert unedited["PNG"] >= 13 and unedited["JPEG 90"] >= 12
    assert len({one.source.partition(",")[0] for one in other}) >= 7
    assert np.isnan(latents).any(axis=1).tolist() == [False, True] * len(EDITS)
    alone, _ = draw_sample("faces32", [48], tmp_path / "alone")
    assert alone == drawn[-2:]
    for one in alone:
        pair = ((tmp_path / folder / one.name).read_bytes() for folder in ("all", "alone"))
        assert len({*pair}) == 1


def test_siblings_are_farther_with_more_noise_and_one_of_8_bits_is_near():
    own = load_generator("portraits64")
    z = draw_z(own, np.random.default_rng(0), 2)
    siblings = [load_sibling("portraits64", name)(z) for name in list_siblings("portraits64")]
    *noisy, quantised = (np.abs(sibling - own(z)).mean() for sibling in siblings)
    assert [0, quantised, *noisy] == sorted({0, quantised, *noisy})


def make_line(number=0, verdict="made", source=OWN, **values):
    line = Line(
        *("a.png", "faces32", "JPEG 75", "yes", source, f"{source}: {number}", verdict),
        *("saved as JPEG 75", 0.1, 0.3, 0.3, 0.01, "abc"),
    )
    return line._replace(**values)


def read_rows(page, title):
    """Return the cells of a table, by its first column."""
    _, _, section = page.partition(f"### {title}\n")
    lines = section.partition("###")[0].splitlines()
    rows = [[cell.strip() for cell in x.split("|")[1:-1]] for x in lines if x.startswith("|")]
    return {row[0]: dict(zip(rows[0], row, strict=True)) for row in rows[2:]}


def test_the_page_has_shares_with_exact_intervals_over_origins():
    lines = [
        *(make_line(n, "made" if n < 20 else "outside") for n in range(30)),
        make_line(30, "edited", distance=0.7),
        *(make_line(n % 5, "edited" if n < 2 else "outside", "photographs") for n in range(10)),
        *(make_line(n, "made" if n < 3 else "outside", "averages, 90 %") for n in range(4)),
        make_line(generator="portraits64"),
    ]
    page = format_page(lines)
    first, last = read_rows(page, "Summary").values()
    assert first["own: made or edited"] == ".677 [.486, .833] of 31"
    assert first["right z"] == ".952 [.762, .999] of 21"
    assert first["far: made"] == ".000 [.000, .522] of 5"  # photographs
    assert first["far: edited"] == ".400 [.053, .853] of 5"
    assert first["near: made or edited"] == ".750 [.194, .994] of 4"
    assert (last["right z"], last["far: made"]) == ("1.000 [.025, 1.000] of 1", "-")
    own = read_rows(page, "Own pictures")["JPEG 75"]
    assert (own["number"], own["right z"], own["right change"]) == ("32", "21 of 22", "21 of 21")
    assert read_rows(page, "Strangers")["photographs"]["edited"] == "2"


def test_a_run_adds_to_what_is_done_and_refuses_another_revision(tmp_path, monkeypatch):
    measured = []

    def measure_lines(drawn, latents, results):
        measured.extend(drawn)
        return [make_line(distance=float("nan"))._replace(**one._asdict()) for one in drawn]

    def run(revision, *options):
        monkeypatch.setattr(command, "read_git_revision", lambda: revision)
        return CliRunner().invoke(command.main, ["--generator", "faces32", *options])

    def draw(generator, numbers, folder):
        folder.mkdir(parents=True)
        kinds = ("PNG", OWN), ("PNG", "flat")
        return [
            study.Drawn(f"{n}-{source}.png", generator, kind, "no", source, f"{source}: {n}")
            for n in numbers
            for kind, source in kinds
        ], None

    monkeypatch.setattr(study, "FOLDER", tmp_path)
    monkeypatch.setattr(study, "draw_sample", draw)
    monkeypatch.setattr(study, "invert", lambda *_: None)
    monkeypatch.setattr(study, "measure_lines", measure_lines)
    assert run("abc", "--pictures", "7").exit_code == 0 and len(measured) == 14
    kept = run("abc", "--pictures", "14", "--keep", str(tmp_path / "kept.csv"))
    assert kept.exit_code == 0 and len(measured) == len({*measured}) == 28
    lines = read_lines(tmp_path / "kept.csv")
    assert [line.name for line in lines] == [one.name for one in measured]
    assert (tmp_path / "kept.md").read_text("utf-8") == format_page(lines)
    assert "has results of ganinv at abc" in run("other").output
    write_lines(tmp_path / "again.csv", lines)
    assert (tmp_path / "again.csv").read_bytes() == (tmp_path / "kept.csv").read_bytes()
