"""Every table and figure of docs/ agrees with the stored results."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.reproduction import manifest, pages
from ganinv_cli.results.store import read_results

pytestmark = pytest.mark.slow

DOCS = Path(__file__).parents[3] / "docs"
RESULTS = DOCS / "results"
ENTRIES = manifest.read_manifest(RESULTS)
SOURCES = {  # kept
    "README.md",
    "jumps.md",
    "descent.md",
    "details.md",
    "theory.md",
    "calibration.csv",
    "calibration.md",
}


def test_the_committed_files_are_what_is_made(tmp_path):
    pages.write_all(DOCS, tmp_path)
    paths = sorted(path.relative_to(tmp_path) for path in tmp_path.rglob("*") if path.is_file())
    assert paths == pages.list_generated()
    for name in paths:
        made, committed = tmp_path / name, DOCS / name
        if name.suffix == ".png":  # text is drawn with other edges by other processors
            one, other = (np.asarray(Image.open(each), float) for each in (made, committed))
            assert one.shape == other.shape, name
            assert np.mean(np.abs(one - other)) < 0.5, name
        else:
            assert made.read_text("utf-8") == committed.read_text("utf-8"), name


def test_what_is_listed_is_committed_and_no_other_file_is_beside_it():
    generated = pages.list_generated()
    for folder in {path.parent for path in generated if path.suffix == ".md"}:
        beside = {
            path.relative_to(DOCS)
            for path in (DOCS / folder).glob("*")
            if path.suffix in (".md", ".txt", ".csv", ".png") and path.name not in SOURCES
        }
        assert beside == {p for p in generated if p.parent == folder and p.suffix != ".json"}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.file)
def test_a_kept_result_is_of_its_command_and_of_a_committed_tree(entry):
    facts = manifest.read_facts(RESULTS / entry.file)
    assert facts.revision and "dirty" not in facts.revision
    if entry.file.endswith(".h5"):
        attributes = read_results(RESULTS / entry.file).attributes
        program, command, *_ = entry.command.split()
        if program == "ganinv":
            assert attributes["command"] == command
        assert not Path(attributes["config"]["checkpoint"]).is_absolute()
        for image in attributes["config"].get("image", ()):
            assert not Path(image).is_absolute()
    if "--seed" in entry.command:
        assert f"--seed {facts.seed}" in entry.command


def test_every_kept_result_is_in_the_manifest_with_its_hash():
    listed = {entry.file for entry in ENTRIES}
    assert {path.name for path in RESULTS.iterdir() if path.suffix in (".h5", ".npz")} == listed
    assert (RESULTS / "SHA256SUMS").read_text("utf-8") == manifest.list_hashes(RESULTS)
