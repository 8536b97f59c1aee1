"""An output that is a symbolic link: what it leads to is written, and the link stays."""

import contextlib
import shutil
from pathlib import Path

import builders
import pytest
from called import run_ganinv
from stored import (
    assert_holds,
    commit_batches,
    make_provenance,
    merge,
    write_results_file,
    write_shards,
)

from ganinv_cli.errors import ResultsError
from ganinv_cli.store import files, open_run, read_results

# Keras asks its variables for an array as NumPy 1 did
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

RECOVER = ("recover", "--checkpoint", "g", "--trials", 2, "--clip", "none", "--budget", 9)
TRAIN = ("train", "images", "--size", 16, "--batch-size", 2, "--steps", 1, "--width", 2)
FIT = ("train-encoder", "--checkpoint", "g", "--images", 2000, "--quiet")
SAMPLE = ("sample", "g", "--count", 2, "--quiet", "--overwrite")
INSPECT = ("inspect", "g", "--overwrite")
COMMANDS = {  # the output is the last argument
    "recover": (*RECOVER, "--out", "out.h5"),
    "invert": ("invert", "images/0.png", *RECOVER[1:], "--npz", "out.npz"),
    "train-encoder": (*FIT, "--overwrite", "--out", "out.npz"),
    "sheet": (*SAMPLE, "--out", "out.png"),
    "pictures": (*SAMPLE, "--out", "out"),
    "npz": (*SAMPLE, "--out", "sheet.png", "--npz", "out.npz"),
    "inspect": (*INSPECT, "--sheet", "out.png"),
    "keras": ("convert", "g", "--quiet", "--overwrite", "out.keras"),
    "folder": ("convert", "g", "--quiet", "--overwrite", "out"),
    "train": (*TRAIN, "--out", "out"),
    "report": ("report", "run.h5", "--out", "out"),
    "merge": ("merge", "0.h5", "1.h5", "2.h5", "out.h5"),
}


def _arrange(arguments: tuple[object, ...]) -> tuple[object, ...]:
    """Return the arguments of a command; that of merge takes its output first."""
    command, *rest = arguments
    return (command, rest[-1], *rest[:-1]) if command == "merge" else arguments


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    builders.make_checkpoint(folder / "g")
    builders.save_images(folder / "images", 2)
    run_ganinv(folder, *RECOVER, "--out", "run.h5")
    write_shards(folder)
    return folder


@pytest.fixture
def folder(inputs, tmp_path):
    """A folder with the inputs, and one for what a link leads to."""
    shutil.copytree(inputs, tmp_path, dirs_exist_ok=True)
    (tmp_path / "other").mkdir()
    return tmp_path


@pytest.mark.parametrize("name", COMMANDS)
def test_what_a_link_leads_to_is_made_and_written_again(name, folder):
    arguments = _arrange(COMMANDS[name])
    out = COMMANDS[name][-1]
    link, target = folder / out, folder / "other" / f"real{Path(out).suffix}"
    link.symlink_to(target)
    before = set(folder.iterdir())
    for _ in range(2):
        run_ganinv(folder, *arguments, publishing=name == "report")
        assert link.is_symlink()
        assert any(target.iterdir()) if target.is_dir() else target.stat().st_size
    made = {file.name for file in {*folder.iterdir()} - before}
    assert made <= {"invert.h5", ".invert.h5.lock", "sheet.png", f"{out}.toml"}
    left = {file.name for file in (folder / "other").iterdir()} - {f".{target.name}.lock"}
    assert left == {target.name}


@pytest.mark.parametrize("name", COMMANDS)
def test_links_in_a_circle_are_refused(name, folder):
    link = folder / COMMANDS[name][-1]
    link.symlink_to(f"other/{link.name}")
    (folder / "other" / link.name).symlink_to(link)
    code = 1 if name in ("train", "report") else 2
    said = run_ganinv(folder, *_arrange(COMMANDS[name]), code=code, publishing=True).stderr
    assert "Too many levels of symbolic links" in said.splitlines()[-1]
    assert link.is_symlink()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_link_into_a_folder_that_does_not_exist_is_refused_or_followed(name, folder):
    link = folder / COMMANDS[name][-1]
    link.symlink_to("none/out")
    makes_folders = name in ("train", "report")  # with all that it is in, as without a link
    run_ganinv(folder, *_arrange(COMMANDS[name]), code=0 if makes_folders else 2, publishing=True)
    assert (folder / "none").exists() is makes_folders
    assert link.is_symlink()


def test_a_run_is_the_same_by_its_link_and_by_its_name(tmp_path):
    path, link = tmp_path / "data" / "real.h5", tmp_path / "run.h5"
    path.parent.mkdir()
    link.symlink_to("data/real.h5")
    with open_run(link, make_provenance()) as run:
        commit_batches(run, [0], [1])
        assert files.list_parts(path) == files.list_parts(link)
        for name in (path, link):
            assert_holds(read_results(name), [0, 1])
            refused = pytest.raises(ResultsError, match="another process")
            with refused, open_run(name, make_provenance()):
                pass
        run.finish()
    for name in (path, link):
        assert_holds(read_results(name), [0, 1])
    write_results_file(link, [2])
    assert_holds(read_results(path), [0, 1, 2])
    with open_run(link, make_provenance(), overwrite=True):
        assert not path.exists()
    assert {file.name for file in tmp_path.iterdir()} == {"data", "run.h5"}


def test_a_link_may_lead_to_another_disk(folder):
    """A file is not renamed from one disk to another."""
    with contextlib.ExitStack() as stack:
        disk = Path("/dev/shm")
        if not disk.is_dir() or disk.stat().st_dev == folder.stat().st_dev:
            pytest.skip("there is no other disk")
        target = disk / f"ganinv-test-{folder.name}.keras"
        stack.callback(target.unlink, missing_ok=True)
        (folder / "out.keras").symlink_to(target)
        run_ganinv(folder, *COMMANDS["keras"])
        assert target.exists()


def test_the_lock_of_a_merge_is_that_of_the_file(tmp_path):
    paths = write_shards(tmp_path)
    out, link = tmp_path / "out.h5", tmp_path / "link.h5"
    link.symlink_to(out)
    with (
        open_run(out, make_provenance()),
        pytest.raises(ResultsError, match="being written by another process"),
    ):
        merge(link, paths)


def test_an_image_that_is_a_link_in_a_circle_is_left_out(folder):
    (folder / "images" / "loop.png").symlink_to("loop.png")
    arguments = ("invert", "images", *RECOVER[1:], "--out", "out.h5")
    said = run_ganinv(folder, *arguments, code=1).stderr
    assert "loop.png cannot be read (Too many levels of symbolic links)" in said
