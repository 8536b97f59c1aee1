"""The steps of docs/extending.md work in a copy of the package."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import builders
import h5py
import numpy as np
import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```python\n# (ganinv_cli/\S+?)(?:: ([^\n]+))?\n(.*?)```", PAGE, re.DOTALL)
PLACES = {  # where an entry goes: the text that it stands before
    "the replacement of a rule": "@dataclass(frozen=True)",
    "an entry of RULES": "    )\n}\nREPLACEMENTS",
    "functions of a kind of noise": "NOISES = {  # by name",
    "an entry of NOISES": "    )\n}\n",
    "the import of an edit": "from ganinv_cli.reenact.stages.resampling import",
    "an edit to try": "    Candidate(iterate_resizings",
    "a column of every start": "seconds | float64 | - | s | - | share of the batches",
    "a field of Reenactment": "    edited: Annotated[",
    "its value": "            is_square=False,",
    "a measure of INVERT": '    Measure(\n        "z_deviation_mean",',
    "a count of each step": "            ),\n            actions=",
    "an entry of FORMATS": "    Format(  # last",
    "an entry of STYLES": "}\n\n\nIMAGES = ",
    "a function of a style": "RENDERERS = {",
    "an entry of RENDERERS": "}\n\n\ndef _format_table(",
    "an entry of COSTS": ")\nLABELS = Measure(",
    "a test of two trial sets": "TESTS = (\n",
    "an entry of TESTS": ")\n\n\ndef _is_changed",
}

PROGRAM = """
import json, sys
import numpy as np
import ganinv_cli as ganinv
from click.testing import CliRunner
from PIL import Image, ImageOps
from ganinv_cli.cli import main
from ganinv_cli.images import to_pixels
G = ganinv.load("larger")
z = G.draw_z(1, seed=3)
Image.fromarray(to_pixels(np.asarray(G(z)))[0]).save("own.png")
Image.new("RGB", (32, 32)).save("black.png")
for command in json.loads(sys.argv[1]):
    result = CliRunner().invoke(main, [*command, "--format", "json"])
    assert result.exit_code in (0, 1, 2), result.output
    print(json.dumps(json.loads(result.stdout)["tables"] if result.stdout else result.stderr))
print(json.dumps(ganinv.half_seen("small", trials=4, clip="none").tables))
posterised = ImageOps.posterize(Image.open("own.png"), 3)
end = ganinv.invert(G, posterised, starts=4, seed=0)
print(json.dumps([*end.explanation, float(abs(end.z - z).max())]))
ganinv.open("half-seen.h5").save_report("half-seen", style="rst")
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A folder with the package after the page's steps, and a small checkpoint."""
    folder = tmp_path_factory.mktemp("extended")
    shutil.copytree(
        ROOT / "ganinv_cli", folder / "ganinv_cli", ignore=shutil.ignore_patterns("__pycache__")
    )
    for name, entry, code in BLOCKS:
        file = folder / name
        if entry:
            text = file.read_text(encoding="utf-8")
            before, found, after = text.rpartition(PLACES[entry])
            assert found, f"{name} has no place for {entry}"
            file.write_text(before + code + found + after, encoding="utf-8")
        else:
            assert not file.exists(), f"{name} would be edited, not added"
            file.parent.mkdir(exist_ok=True)
            file.write_text(code, encoding="utf-8")
    builders.save_checkpoint(folder / "small", builders.make_weights())
    larger = builders.make_weights(widths=(12, 8, 4), latent=8)  # 32 pixels
    builders.save_checkpoint(folder / "larger", larger)
    return folder


@pytest.fixture(scope="module")
def tables(copy):
    """The tables of experiments of the copy, or their errors, which run in one process."""
    random = np.random.default_rng(0)
    sizes = [(4, 32), (32, 48)]
    layers = [[random.normal(0, 0.5, size).tolist(), [0.0] * size[1]] for size in sizes]
    model = {"image": [4, 4, 3], "layers": layers}
    (copy / "mine.matrices").write_text(json.dumps(model), encoding="utf-8")
    small = ("--checkpoint", "small", "--trials", "4")
    larger = ("--checkpoint", "larger", "--trials", "4", "--device", "cpu")
    normalized = ("--solver", "normalized", "--set", "normalized.rate=1", "--budget", "3000")
    lbfgs = ("--solver", "lbfgs", "--trials", "4")
    commands = [
        ("recover", *small, *normalized, "--clip", "none,near-centre"),
        ("recover", "--checkpoint", "mine.matrices", *lbfgs, "--out", "mine.h5"),
        ("half-seen", *small[:3], "3", "--clip", "none"),
        ("recover", *small, "--solver", "gd", "--budget", "20", "--clip", "none", "--out", "gd.h5"),
        ("half-seen", *small, "--clip", "none", "--heading", "Half"),
        ("half-seen", *small, "--clip", "none", "--seen", "0.75"),
        ("noise-sweep", *small, "--clip", "none", "--noise", "jpeg"),
        ("inpaint", *larger, "--image", "own.png", "--image", "black.png", "--hidden", "0.5"),
        ("invert", *larger, "own.png"),
    ]
    command = [sys.executable, "-c", PROGRAM, json.dumps(commands)]
    done = subprocess.run(command, cwd=copy, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_page_has_an_example_of_each_thing():
    titles = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    things = ["A solver", "A count", "A clipping rule", "A kind of noise"]
    things += ["An edit of the verdict", "A format"]
    things += ["A style of tables", "An experiment", "An experiment on images"]
    assert titles == [*things, "A stored column", "A measure", "A paired test", "A figure"]
    assert len(BLOCKS) == 30
    for name, _, code in BLOCKS:
        lines = [line for line in code.splitlines() if line]
        assert len(lines) <= 30 or "experiments" in name, f"the example of {name} is long"


def test_a_solver_and_a_rule_are_used(tables):
    rows = tables[0]["table1"]
    assert [row["technique"] for row in rows] == ["none", "near-centre"]
    assert rows[0]["recovered"]["1e-3"] > 0
    assert rows[1]["acted"] > 0, rows


def test_what_was_added_passes_the_tests_of_its_kind(copy):
    """As they are; of solvers and kinds of noise, under every clipping rule."""
    names = (
        "inversion/solvers",
        "test_noise.py",
        "experiments/test_noise_sweep.py",
    )
    command = [sys.executable, "-m", "pytest", "-v", "-c", ROOT / "pyproject.toml"]
    command += ["-k", "normalized or near-centre or jpeg", "-p", "no:cacheprovider"]
    command += [ROOT / "tests" / name for name in names]
    done = subprocess.run(command, cwd=copy, capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stdout
    assert all(f"[{name}" in done.stdout for name in ("normalized", "jpeg"))


def test_a_count_is_a_column(copy, tables):
    with h5py.File(copy / "gd.h5") as file:
        for column in (file["none/downhill"], file["none/first/downhill"]):
            assert ((column[()] > 0) & (column[()] <= 20)).all()
            assert column.attrs["unit"] == "updates"
    assert tables[3]["table1"][0]["trials"] == 4


def test_a_kind_of_noise_is_a_sweep(copy, tables):
    """Of quality, of which more is less noise, and of which nobody knows what is left."""
    rows = tables[6]["noise_sweep"]
    assert [row["quality"] for row in rows] == [90, 70, 50, 30]
    errors = [row["with_restarts"]["median"] for row in rows]
    assert errors == sorted(errors) and not tables[6]["slopes"]
    with h5py.File(copy / "noise-sweep.h5") as file:
        restarts = np.array([file[f"quality={row['quality']:g}/none/restarts"] for row in rows])
    assert restarts.min() >= 1 and np.median(restarts) < 4  # of 16
    page = (copy / "noise-sweep" / "report.html").read_text("utf-8")
    assert f"at JPEG quality 90 and {errors[3]:.3g} at quality 30" in page
    assert "a trial ends when two starts in turn have not lowered it" in page
    assert "qualitys" not in page
    assert "saved as JPEG 70" in page and "growth in proportion" not in page


def test_an_edit_is_named_by_the_verdict(tables):
    explanation, error = tables[-1]
    assert explanation.startswith("Explained by a picture of the generator; posterised to 3 bits.")
    assert "or a mixture with a little of another picture" in explanation
    assert error < 0.2


def test_a_format_is_read(tables):
    assert {row["recovered"]["1e-4"] for row in tables[1]["table1"] if row["exercised"]} == {4}


def test_a_style_is_a_file_and_a_choice_that_the_page_names(copy):
    text = (copy / "half-seen" / "half-seen.rst").read_text("utf-8")
    assert re.search(r"^=+( +=+)+$", text, re.M) and "The median error of z is" in text
    page = (copy / "half-seen" / "report.html").read_text("utf-8")
    assert "half-seen.txt, .csv, .json and .rst, and the figures" in page


def test_an_experiment_is_a_command_and_a_function_with_a_report(copy, tables):
    assert [row["trials"] for row in tables[2]["half_seen"]] == [3]
    (row,) = tables[4]["half_seen"]
    assert (row["technique"], row["trials"]) == ("none", 4)
    assert row["z_error"] < 1e-3  # half of the pixels are 8 times as many as components of z
    assert tables[-2]["half_seen"][0]["z_error"] == pytest.approx(row["z_error"], rel=0.1)
    page = (copy / "half-seen" / "report.html").read_text("utf-8")
    assert "Half" in page and "How many gradients" in page
    assert (copy / "half-seen" / "costs.png").exists()


def test_a_run_of_an_experiment_goes_on_by_the_rules_of_its_settings(tables):
    """Another heading may follow, another share may not."""
    assert tables[4]["half_seen"][0]["trials"] == 4
    assert "half-seen.h5 holds another run: --seen is 0.5 in the file, and 0.75 here" in tables[5]


def test_an_experiment_on_images_says_which_it_cannot_use(copy, tables):
    """The sentence of its check is in the report and in the file, which has no trial of it."""
    (row,), (unread,) = tables[7]["inpaint"], tables[7]["unread"]
    assert row["image"] == "own.png" and row["hidden"] < 1, row
    assert unread["image"] == "black.png" and "one colour around the square" in unread["error"]
    with h5py.File(copy / "inpaint.h5") as file:
        errors, of_starts = file["images/error"][()], file["stochastic/starts/image"][()]
    assert errors[0] == b"" and errors[1].startswith(b"black.png has one colour")
    assert (of_starts == 0).all() and len(of_starts) == 2  # which answer it
    assert (copy / "inpaint" / "images" / "0000-own-difference.png").exists()


def test_a_number_of_a_certificate_is_stored_and_shown(copy, tables):
    (row,) = tables[8]["invert"]
    with h5py.File(copy / "invert.h5") as file:
        stored = file["stochastic/certificates/worst"]
        assert stored.attrs["unit"] == "grey levels"
        assert 0 < stored[0] == row["worst"] < 1  # rounding of a picture that was made
    assert "worst" in (copy / "invert" / "invert.txt").read_text("utf-8")


def test_a_measure_is_in_every_format(copy, tables):
    rows = [*tables[0]["table1"], *tables[1]["table1"], *tables[4]["half_seen"]]
    known = [row for row in rows if row["exercised"]]
    assert known and all(row["gradients_most"] >= row["gradients"] for row in known)
    for name in ("mine/table1", "half-seen/half-seen"):
        for ending in ("txt", "csv"):
            text = " ".join((copy / f"{name}.{ending}").read_text("utf-8").split())
            assert "gradients_most" in text if ending == "csv" else "dearest trial" in text


def test_a_paired_test_is_a_table(copy, tables):
    row = tables[0]["signs"][0]
    assert (row["first"], row["second"], row["trials"]) == ("none", "near-centre", 4)
    assert 0 < row["p"] <= 1
    assert "Sign test: which rule" in (copy / "recover" / "table1.txt").read_text("utf-8")
