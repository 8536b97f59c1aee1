"""Every command runs whatever its streams are; only what it prints is lost."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from unittest import mock

import builders
import pytest
from PIL import Image
from stored import write_shards

from ganinv_cli.cli import main

# Keras asks its variables for an array as NumPy 1 did
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

RUN = ("--checkpoint", "g", "--trials", 2, "--clip", "none", "--budget", 9, "-v")
COMMANDS = {  # what it writes, which the encoding ASCII lacks
    "recover": (("recover", *RUN, "--out", "‖.h5"), "‖.h5"),
    "noise-sweep": (("noise-sweep", *RUN, "--variances", 0.1, "--out", "‖.h5"), "‖.h5"),
    "consistency": (("consistency", "--image", "é.png", *RUN, "--out", "‖.h5"), "‖.h5"),
    "invert": (("invert", "é.png", *RUN, "--out", "‖.h5"), "‖.h5"),
    "inspect": (("inspect", "g", "--sheet", "‖.png"), "‖.png"),
    "sample": (("sample", "g", "--count", 2, "--out", "‖.png"), "‖.png"),
    "convert": (("convert", "g", "‖.keras"), "‖.keras"),
    "train": (
        *(("train", ".", "--size", 16, "--batch-size", 2, "--steps", 1, "--out", "‖/"), "‖/state"),
    ),
    "train-encoder": (
        *(("train-encoder", "--checkpoint", "g", "--images", 2000, "--out", "‖.npz"), "‖.npz"),
    ),
    "report": (("report", "0.h5", "--out", "‖"), "‖/report.html"),
    "merge": (("merge", "‖.h5", "0.h5", "1.h5", "2.h5"), "‖.h5"),
    "cache": (("cache", "show"), "g"),
}
FULL = Path("/dev/full")
BROKEN = {  # closed descriptors, those on a full disk, encoding; the status
    "closed": ((0, 1, 2), (), "utf-8", 0),
    "full stdout": ((), (1,), "utf-8", 1),
    "full stderr": ((0,), (2,), "utf-8", 0),
    "ascii": ((), (), "ascii", 0),
}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("inputs")
    builders.make_checkpoint(folder / "g")
    for name in ("a.png", "é.png"):
        Image.effect_noise((16, 16), 20).save(folder / name)
    write_shards(folder)
    return folder


@contextlib.contextmanager
def _break_streams(
    closed: Sequence[int], full: Sequence[int], encoding: str, files: Sequence[Path]
) -> Iterator[None]:
    """Connect stdout and stderr of this process to files, then close them or fill their disk."""
    kept, interrupt = [os.dup(number) for number in range(3)], signal.getsignal(signal.SIGINT)
    places = dict(enumerate(files, 1)) | dict.fromkeys(full, FULL)
    for number, place in places.items():
        descriptor = os.open(place, os.O_WRONLY)
        os.dup2(descriptor, number)
        os.close(descriptor)
    for number in closed:
        os.close(number)
    streams = {
        name: None
        if number in closed
        else os.fdopen(number, mode, encoding=encoding, closefd=False)
        for number, (name, mode) in enumerate([("stdin", "r"), ("stdout", "w"), ("stderr", "w")])
    }
    hidden = {f"__{name}__": stream for name, stream in streams.items()}
    try:
        with mock.patch.multiple(sys, **streams, **hidden):
            yield
    finally:
        signal.signal(signal.SIGINT, interrupt)  # after a command, it would end this process
        for number, descriptor in enumerate(kept):
            os.dup2(descriptor, number)
            os.close(descriptor)


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # the streams that the command has replaced
@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("name", COMMANDS)
def test_only_what_a_command_prints_is_lost(name, broken, inputs, tmp_path, monkeypatch):
    arguments, written = COMMANDS[name]
    closed, full, encoding, code = BROKEN[broken]
    for file in inputs.iterdir():
        (tmp_path / file.name).symlink_to(file)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["ganinv", *map(str, arguments)])
    if name != "report":  # which fills the folder as others do
        monkeypatch.setattr("ganinv_cli.report.output.folder.write_report", lambda *_: "")
    files = (tmp_path / "out", tmp_path / "err")
    for file in files:
        file.touch()
    with _break_streams(closed, full, encoding, files), pytest.raises(SystemExit) as ended:
        main(prog_name="ganinv")
    out, err = (file.read_bytes().decode("utf-8") for file in files)
    assert (ended.value.code or 0) == code, err
    assert (tmp_path / written).exists()
    assert "Traceback" not in err
    assert (out == "") is (1 in closed or 1 in full)
    if 1 in full:
        assert "Error: stdout cannot be written (No space left on device)" in err.splitlines()[-1]
    if 2 in closed or 2 in full:
        assert err == ""
