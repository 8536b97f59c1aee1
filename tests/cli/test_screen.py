"""What a command ends with fits a terminal of 80 columns and 24 lines."""

import builders
import pytest
from called import make_image, run_ganinv, save_image

from ganinv_cli.network.make_generator import make_generator

LINES, COLUMNS = 24, 80
FEW = ("--trials", 3, "--batch-size", 8)


@pytest.fixture(scope="module")
def generators(tmp_path_factory):
    """The folders of two small generators, and the first of them."""
    folder = tmp_path_factory.mktemp("generators")
    paths = [builders.make_checkpoint(folder / name, seed=at) for at, name in enumerate("ab")]
    return [folder / "a", folder / "b"], make_generator(paths[0])


@pytest.fixture
def work(generators, tmp_path, monkeypatch):
    """A folder with a folder of images; the terminal is as wide as a small one."""
    monkeypatch.setenv("COLUMNS", str(COLUMNS))
    (tmp_path / "faces").mkdir()
    for number in range(12):
        name = f"a-portrait-with-a-long-name-{number}.png"
        save_image(tmp_path / "faces" / name, make_image(generators[1], number))
    return tmp_path


def read_screen(folder, *arguments):
    """The lines of a command on a terminal, those of stderr first."""
    result = run_ganinv(folder, *arguments, *FEW, publishing=True)
    assert "wrote " not in result.stderr
    lines = result.stderr.splitlines() + result.stdout.splitlines()
    assert max(map(len, result.stdout.splitlines())) <= COLUMNS
    assert len(result.stdout.splitlines()) <= 18
    # Of the lines before the answer, those that are longer than a line take several.
    assert sum(-(-len(line) // COLUMNS) or 1 for line in lines) <= LINES
    return result.stdout.splitlines()


def test_recover_fits_the_screen_and_v_prints_all_of_it(generators, work):
    given = ("recover", "--checkpoint", generators[0][0])
    lines = read_screen(work, *given)
    assert "latent vector" in lines[0]
    assert lines[-2:] == [
        "Tables, figures and report.html are in recover/, z in recover.h5.",
        "Print all tables: -v, or ganinv report recover.h5",
    ]
    whole = run_ganinv(work, *given, *FEW, "-v").stdout
    assert "McNemar" in whole
    assert whole == run_ganinv(work, "report", "recover.h5").stdout
    assert read_screen(work, *given, "-q")[-1] == ""


def test_every_other_format_prints_all(generators, work):
    given = ("recover", "--checkpoint", generators[0][0], *FEW, "--format", "markdown")
    assert "McNemar" in run_ganinv(work, *given).stdout


def test_invert_fits_the_screen(generators, work):
    one = read_screen(
        work, "invert", work / "faces" / "a-portrait-with-a-long-name-0.png", "--checkpoint",
        generators[0][0], "--out", "one.h5",
    )  # fmt: skip
    assert one[0].startswith("The generator made a-portrait-with-a-long-name-0.png: ")
    lines = read_screen(work, "invert", "faces", "--checkpoint", generators[0][0])
    assert lines[0].startswith("The generator made ")
    assert "and 7 more, in invert/" in lines


def test_invert_on_several_generators_fits_the_screen(generators, work):
    several = [word for path in generators[0] for word in ("--checkpoint", path)]
    result = run_ganinv(work, "invert", "faces", *several, *FEW, publishing=True)
    lines = result.stdout.splitlines()
    assert lines[0].startswith("Of 12 images, ")
    assert len(lines) <= 18
    assert max(map(len, lines)) <= COLUMNS
    assert lines[-1] == "Print all tables: -v, or ganinv report invert-a.h5 invert-b.h5"
