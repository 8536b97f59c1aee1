"""`ganinv invert` on several generators: which of them made the image?"""

import json

import builders
import pytest
from called import make_image, make_random_pixels, run_ganinv, save_image

from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.store import read_results

GIVEN = ("faces", "--trials", 4, "--batch-size", 8)


@pytest.fixture(scope="module")
def generators(tmp_path_factory):
    """Two small generators, of 16 pixels in colour and 8 in grey: their folders and themselves."""
    folder = tmp_path_factory.mktemp("generators")
    shapes = {"colour": {}, "grey": {"channels": 1, "widths": (4,), "seed": 1}}
    return {
        folder / name: make_generator(builders.make_checkpoint(folder / name, **shape))
        for name, shape in shapes.items()
    }


@pytest.fixture(scope="module")
def compared(generators, tmp_path_factory):
    """A folder in which two pictures and noise were attributed, and the output."""
    folder = tmp_path_factory.mktemp("compared")
    (folder / "faces").mkdir()
    for path, generator in generators.items():
        pixels = make_image(generator, 0)
        save_image(folder / "faces" / f"{path.name}.png", pixels.squeeze())
    noise = make_random_pixels(next(iter(generators.values())))
    save_image(folder / "faces" / "noise.png", noise)
    more = ("--format", "json", "--npz", "z.npz")
    return folder, attribute(folder, generators, *more, publishing=True)


def attribute(folder, generators, *more, given=GIVEN, **keywords):
    several = (word for path in generators for word in ("--checkpoint", path))
    return run_ganinv(folder, "invert", *given, *several, *more, **keywords)


def test_each_picture_is_attributed_to_the_generator_that_made_it(compared):
    rows = json.loads(compared[1].stdout)["tables"]["attribution"]
    assert {row["image"]: row["answer"] for row in rows} == {
        "colour.png": "colour",
        "grey.png": "grey",
        "noise.png": "none of them",
    }


def test_each_generator_sees_the_picture_at_its_own_size_and_has_its_own_files(compared):
    folder, _ = compared
    for name, shape in {"colour": (16, 16, 3), "grey": (8, 8, 1)}.items():
        results = read_results(folder / f"invert-{name}.h5")
        assert results.complete
        assert results.groups["image=0000"]["target"][0].shape == shape
        assert (folder / "invert" / f"invert-{name}" / "images").is_dir()
        assert (folder / f"z-{name}.npz").exists()
    assert not (folder / "invert.h5").exists()
    assert (folder / "invert" / "attribution.json").read_text() == compared[1].stdout
    page = (folder / "invert" / "report.html").read_text()
    assert page.index("Which generator made it") < page.index("How near the reconstruction is")


def test_the_same_command_goes_on_and_prints_the_same(compared, generators):
    folder, result = compared
    before = [path.stat().st_mtime_ns for path in sorted(folder.glob("*.h5"))]
    again = attribute(folder, generators, "--format", "json")
    assert again.stdout == result.stdout
    assert [path.stat().st_mtime_ns for path in sorted(folder.glob("*.h5"))] == before
    assert [line for line in again.stderr.splitlines() if line.startswith("generator")] == [
        "generator 1 of 2: colour",
        "generator 2 of 2: grey",
    ]


def test_report_attributes_again_from_the_results_alone(compared):
    folder, result = compared
    files = ("invert-colour.h5", "invert-grey.h5")
    reported = json.loads(run_ganinv(folder, "report", *files, "--format", "json").stdout)
    assert [each["file"] for each in reported] == [*files, "attribution"]
    assert reported[-1]["tables"] == json.loads(result.stdout)["tables"]


def test_report_out_writes_the_attribution_beside_the_page(compared):
    folder, result = compared
    files = ("invert-colour.h5", "invert-grey.h5", "--out", "again")
    run_ganinv(folder, "report", *files, publishing=True)
    assert (folder / "again" / "attribution.json").read_text() == result.stdout
    assert "Which generator made it" in (folder / "again" / "report.html").read_text()


def test_the_figures_of_one_generator_are_not_images_for_the_next(generators, tmp_path):
    save_image(tmp_path / "one.png", make_image(next(iter(generators.values())), 0))
    for _ in range(2):
        given = (".", "--trials", 1, "--batch-size", 8)
        result = attribute(tmp_path, generators, "-q", given=given, publishing=True)
    assert "one.png" in result.stdout and "reconstruction.png" not in result.stdout


def test_a_generator_that_does_not_load_is_refused_before_any_work(compared, generators, tmp_path):
    broken = tmp_path / "broken.pt"
    broken.write_bytes(b"no generator")
    more = ("--checkpoint", broken, "--out", "new.h5")
    result = attribute(compared[0], generators, *more, code=2)
    assert "broken.pt" in result.stderr
    assert not list(compared[0].glob("new*"))


def test_a_generator_given_twice_is_refused(compared, generators):
    path = next(iter(generators))
    result = attribute(compared[0], [path, path], "--out", "new.h5", code=2)
    assert "is given twice" in result.stderr


def test_one_generator_is_inverted_as_before(compared, generators):
    folder, path = compared[0], next(iter(generators))
    given = (*GIVEN, "--out", "one.h5", "--format", "json")
    result = attribute(folder, [path], given=given)
    assert "attribution" not in json.loads(result.stdout)["tables"]
    assert (folder / "one.h5").exists()


def test_without_a_checkpoint_the_shipped_one_is_inverted(tmp_path):
    result = run_ganinv(tmp_path, "invert", "missing.png", code=2)
    assert "portraits64" not in result.stderr and "missing.png does not exist" in result.stderr
