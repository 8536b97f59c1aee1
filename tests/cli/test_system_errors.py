"""What the system refuses is said in a sentence, whichever call it was refused to."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from called import run_ganinv
from click.testing import CliRunner
from stored import write_shards

from ganinv_cli.cli import main
from ganinv_cli.errors import explain_os_error

LONG = "a" * 300


@pytest.mark.parametrize(
    "arguments",
    [
        ("report", f"{LONG}.h5"),
        ("inspect", LONG),
        ("recover", "--checkpoint", LONG),
        ("recover", "--config", f"{LONG}.toml"),
        ("recover", "--checkpoint", "faces16", "--out", f"{LONG}.h5"),
        ("merge", "out.h5", f"{LONG}.h5"),
    ],
)
def test_a_name_that_is_too_long_is_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    said = run_ganinv(tmp_path, *arguments, code=2).stderr
    assert "File name too long" in said
    assert "Traceback" not in said


def test_a_folder_that_was_removed_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    script = (
        "import os, sys; os.rmdir(os.getcwd()); from ganinv_cli.cli import main; "
        "main(['recover', '--trials', '2', '--checkpoint', 'faces16'], prog_name='ganinv')"
    )
    source = Path(__file__).parents[2]
    run = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(source)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 2
    assert run.stderr.splitlines()[-1] == (
        "Error: the current folder was removed; change to another one"
    )


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("recover", "--checkpoint", "faces16"), 2),
        (("noise-sweep", "--checkpoint", "faces16"), 2),
        (("consistency", "--image", "a.png"), 2),
        (("invert", "a.png"), 2),
        (("inspect", "g"), 2),
        (("sample", "faces16", "--out", "a.png"), 2),
        (("convert", "faces16", "a.keras"), 2),
        (("train", "images", "--out", "a"), 2),
        (("train-encoder", "--checkpoint", "g"), 2),
        (("report", "{shards}/0.h5", "--out", "a"), 1),
        (("merge", "a.h5", "{shards}/0.h5", "{shards}/1.h5", "{shards}/2.h5"), 2),
    ],
)
def test_each_command_says_what_it_lacks_in_a_folder_that_was_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], code: int
) -> None:
    write_shards(tmp_path)
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    result = CliRunner().invoke(main, [each.format(shards=tmp_path) for each in arguments])
    assert result.exit_code == code, repr(result.exception)
    assert result.stderr.splitlines()[-1].startswith("Error: ")


def test_too_few_open_files_are_no_matter_of_permissions() -> None:
    error = OSError(errno.EMFILE, os.strerror(errno.EMFILE), "a.h5")
    assert str(explain_os_error(error)) == (
        "the system refused to open another file (Too many open files); raise `ulimit -n`"
    )
