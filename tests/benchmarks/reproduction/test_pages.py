"""Every table and figure of docs/ agrees with the stored results."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.reproduction import manifest, pages
from ganinv_cli.errors import GaninvError
from ganinv_cli.store import read_results

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
RESULTS = DOCS / "results"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of the same form as docs/, with everything made from stored results."""
    folder = tmp_path_factory.mktemp("docs")
    pages.write_all(DOCS, folder)
    return folder


@pytest.mark.slow
def test_the_committed_files_are_what_is_made(made: Path) -> None:
    paths = sorted(path for path in made.rglob("*") if path.is_file())
    assert len(paths) > 40
    for path in paths:
        committed = DOCS / path.relative_to(made)
        if path.suffix == ".png":  # text is drawn with other edges by other processors
            one, other = (np.asarray(Image.open(each), float) for each in (path, committed))
            assert one.shape == other.shape, committed
            assert np.mean(np.abs(one - other)) < 0.5, committed
        else:
            assert path.read_text("utf-8") == committed.read_text("utf-8"), committed


@pytest.mark.slow
def test_no_generated_file_is_left_that_nothing_makes(made: Path) -> None:
    for folder in {path.parent for path in made.rglob("*.md")}:
        committed = DOCS / folder.relative_to(made)
        stale = [
            path.name
            for path in committed.glob("*")
            if path.suffix in (".md", ".txt", ".csv", ".png")
            and not (folder / path.name).exists()
            and path.name not in SOURCES
        ]
        assert not stale, committed


SOURCES = {"inspect-portraits64.txt", "README.md"}  # transcripts and pages, not tables


@pytest.mark.parametrize("run", manifest.read_manifest(RESULTS), ids=lambda run: run.file)
def test_a_kept_result_is_of_its_command_and_of_a_committed_tree(run: manifest.Run) -> None:
    facts = manifest.read_facts(RESULTS / run.file)
    assert facts.revision and "dirty" not in facts.revision
    if run.file.endswith(".h5"):
        attributes = read_results(RESULTS / run.file).attributes
        program, command, *_ = run.command.split()
        if program == "ganinv":
            assert attributes["command"] == command
        assert not Path(attributes["config"]["checkpoint"]).is_absolute()
        for image in attributes["config"].get("image", ()):
            assert not Path(image).is_absolute()
    if "--seed" in run.command:
        assert f"--seed {facts.seed}" in run.command


def test_every_kept_result_is_in_the_manifest() -> None:
    listed = {run.file for run in manifest.read_manifest(RESULTS)}
    assert {path.name for path in RESULTS.iterdir() if path.suffix in (".h5", ".npz")} == listed


def test_the_hashes_are_those_of_the_files() -> None:
    for line in (RESULTS / manifest.HASHES).read_text("utf-8").splitlines():
        sha256, name = line.split()
        assert manifest.read_facts(RESULTS / name).sha256 == sha256


def test_long_numbers_are_rounded_and_short_ones_stay(tmp_path: Path) -> None:
    text = '{"a": 0.12345678901234, "b": 1.5, "c": 1.2345678901234e-05, "d": 123}'
    rounded = pages._LONG_NUMBER.sub(pages._round_number, text)
    assert rounded == '{"a": 0.123456789, "b": 1.5, "c": 1.23456789e-05, "d": 123}'


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    with pytest.raises(GaninvError, match=r"recover\.h5"):
        pages.write_reports(tmp_path, tmp_path)
