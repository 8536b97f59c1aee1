"""Files and folders that a user may not read or write are refused in a sentence; nothing is lost.

Root may read and write everything, so these tests then run in another process without that right.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import builders
import pytest
from called import run_ganinv
from stored import write_shards

from ganinv_cli.store import read_results

RIGHTS = "-dac_override,-dac_read_search"  # to read and write what permissions forbid
WITHOUT_RIGHTS = ("setpriv", f"--bounding-set={RIGHTS}", f"--inh-caps={RIGHTS}")


def _ignores_permissions() -> bool:
    with tempfile.NamedTemporaryFile() as file:
        Path(file.name).chmod(0)
        return os.access(file.name, os.R_OK)


IGNORES_PERMISSIONS = _ignores_permissions()
needs_permissions = pytest.mark.skipif(
    IGNORES_PERMISSIONS, reason="run by test_permissions_without_the_rights_of_root"
)
# Keras asks its variables for an array as NumPy 1 did
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

DENIED = "(Permission denied)"
RUN = ("--checkpoint", "g", "--trials", 2, "--clip", "none", "--budget", 9)
TRAIN = ("train", "images", "--size", 16, "--batch-size", 2, "--width", 2)
FIT = ("train-encoder", "--checkpoint", "g", "--images", 2000)
UNREADABLE = [  # what, its mode, the command, its status, what it says
    ("g/*.index", 0, ("recover", *RUN), 2, f"g/DCGAN.model-7: it cannot be read {DENIED}"),
    ("g/*.data*", 0, ("inspect", "g"), 2, f"g/DCGAN.model-7: it cannot be read {DENIED}"),
    ("g/checkpoint", 0, ("convert", "g", "a.keras"), 2, DENIED),
    ("g", 0, ("sample", "g", "--out", "a.png"), 2, f"g cannot be read {DENIED}"),
    ("g", 0o444, ("inspect", "g/DCGAN.model-7"), 2, f"g/DCGAN.model-7 cannot be used {DENIED}"),
    ("g", 0, ("recover", *RUN, "--config", "g/c.toml"), 2, f"g/c.toml cannot be used {DENIED}"),
    ("names.txt", 0, ("recover", *RUN, "--config", "names.txt"), 2, "names.txt cannot be read"),
    ("images/0.png", 0, ("invert", "images/0.png", *RUN), 2, "'images/0.png' is not readable"),
    ("images/0.png", 0, ("invert", "images", *RUN), 1, f"images/0.png cannot be read {DENIED}"),
    ("images", 0o444, ("invert", "images", *RUN), 2, f"images/0.png cannot be read {DENIED}"),
    ("images", 0, ("consistency", "--image", "images/0.png", *RUN), 2, "images/0.png cannot be"),
    ("g/encoder.npz", 0, ("recover", *RUN, "--start", "encoder"), 2, f"cannot be read {DENIED}"),
    ("g/encoder.npz", 0, FIT, 2, f"g/encoder.npz cannot be read {DENIED}; allow reading it"),
    ("recover.h5", 0, ("report", "recover.h5"), 2, "'recover.h5' is not readable"),
    ("recover.h5", 0, ("recover", *RUN), 2, "recover.h5 cannot be read (Permission denied); check"),
    ("recover.h5", 0, ("recover", *RUN, "--overwrite"), 2, "recover.h5 cannot be read"),
    (".recover.h5.lock", 0, ("recover", *RUN), 2, f"recover.h5 cannot be written {DENIED}"),
    ("1.h5.parts", 0, ("report", "1.h5"), 2, "1.h5: there are no results"),
    ("1.h5.parts/*1.h5", 0, ("report", "1.h5"), 2, "part-00000001.h5 cannot be read (Permission"),
    ("0.h5", 0, ("merge", "a.h5", "0.h5", "1.h5", "2.h5"), 2, "'0.h5' is not readable"),
    ("recover.h5", 0, ("sample", "g", "--out", "a.png", "--z", "recover.h5"), 2, "not readable"),
    ("images/0.png", 0, (*TRAIN, "--out", "a"), 2, f"images/0.png cannot be read {DENIED}"),
    ("names.txt", 0, (*TRAIN, "--out", "a", "--exclude", "names.txt"), 2, "is not readable"),
    ("t/training.json", 0, (*TRAIN, "--out", "t"), 2, f"training.json cannot be read {DENIED}"),
    ("t/state", 0, (*TRAIN, "--out", "t"), 2, f"t/state/checkpoint cannot be used {DENIED}"),
    ("t/state/checkpoint", 0, (*TRAIN, "--out", "t"), 2, "t/state/checkpoint cannot be read"),
]
FOLDER = [  # a command that writes into the folder t, which is given last, and its status
    (("recover", *RUN, "--out", "t/a.h5"), 2),
    (("noise-sweep", *RUN, "--variances", 0.1, "--out", "t/a.h5"), 2),
    (("consistency", "--image", "images/0.png", *RUN, "--out", "t/a.h5"), 2),
    (("invert", "images/0.png", *RUN, "--out", "t/a.h5"), 2),
    (("invert", "images/0.png", *RUN, "--out", "a.h5", "--npz", "t/a.npz"), 2),
    (("inspect", "g", "--sheet", "t/a.png"), 2),
    (("sample", "g", "--out", "t/a.png"), 2),
    (("sample", "g", "--out", "t/a"), 2),
    (("sample", "g", "--out", "a.png", "--npz", "t/a.npz"), 2),
    (("convert", "g", "t/a.keras"), 2),
    (("convert", "g", "t/a"), 2),
    (("train", "images", "--out", "t/a"), 1),
    ((*TRAIN, "--steps", 9, "--out", "t"), 2),
    ((*FIT, "--out", "t/a.npz"), 2),
    (("report", "recover.h5", "--out", "t/a"), 1),
    (("merge", "t/a.h5", "0.h5", "1.h5", "2.h5"), 2),
]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    builders.make_checkpoint(folder / "g")
    builders.save_images(folder / "images", 2)
    (folder / "names.txt").write_text("1.png\n")
    run_ganinv(folder, "recover", *RUN)
    run_ganinv(folder, *TRAIN, "--steps", 1, "--out", "t")
    run_ganinv(folder, *FIT)
    write_shards(folder)
    return folder


@pytest.fixture
def folder(inputs, tmp_path):
    shutil.copytree(inputs, tmp_path, dirs_exist_ok=True)
    return tmp_path


def _refuse(folder: Path, pattern: str, mode: int, arguments: tuple[object, ...], code: int) -> str:
    """Run a command while permissions are changed; check that no file is; return its last line."""
    before = {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}
    (changed,) = folder.glob(pattern)
    kept = changed.stat().st_mode
    changed.chmod(mode)
    try:
        said = run_ganinv(folder, *arguments, code=code, publishing=True).stderr
    finally:
        changed.chmod(kept)
    assert {file: file.read_bytes() for file in before} == before
    return said.splitlines()[-1]


@needs_permissions
@pytest.mark.parametrize(("pattern", "mode", "arguments", "code", "words"), UNREADABLE)
def test_what_cannot_be_read_is_named(pattern, mode, arguments, code, words, folder):
    said = _refuse(folder, pattern, mode, arguments, code)
    assert said.startswith("Error: ")
    assert words in said


@needs_permissions
@pytest.mark.parametrize("mode", [0o555, 0])
@pytest.mark.parametrize(("arguments", "code"), FOLDER)
def test_a_folder_that_cannot_be_written_is_refused(arguments, code, mode, folder):
    code = code if mode or arguments[0] == "report" else 2
    said = _refuse(folder, "t", mode, arguments, code)
    assert "Permission denied" in said or "is not readable" in said
    assert "t/" in said or "Error: t cannot be written" in said or "'t'" in said


@needs_permissions
def test_a_read_only_file_is_extended_and_keeps_its_rows(folder):
    before = read_results(folder / "recover.h5").groups["none"]["z_found"]
    (folder / "recover.h5").chmod(0o444)
    run_ganinv(folder, "recover", *RUN[:2], "--trials", 3, *RUN[4:])
    after = read_results(folder / "recover.h5").groups["none"]["z_found"]
    assert (len(after), after[:2].tobytes()) == (3, before.tobytes())


@pytest.mark.slow
@pytest.mark.skipif(not IGNORES_PERMISSIONS, reason="the other tests run in this process")
@pytest.mark.skipif(not shutil.which("setpriv"), reason="setpriv is part of Linux")
def test_permissions_without_the_rights_of_root():
    command = [*WITHOUT_RIGHTS, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    environment = {name: value for name, value in os.environ.items() if "XDIST" not in name}
    run = subprocess.run(
        [*command, "-p", "no:xdist", __file__], env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.splitlines()[-1].startswith(f"{len(UNREADABLE) + 2 * len(FOLDER) + 1} passed")
