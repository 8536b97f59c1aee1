"""Results files and parts of every experiment."""

import shutil
from pathlib import Path
from unittest import mock

from .hdf5_mutations import edit_hdf5
from .subject import Command, Subject
from .support import run_ganinv, write_checkpoint

_COMMON = ("--checkpoint", "g", "--batch-size", "2", "--budget", "60", "--quiet")
_RUNS = {  # command -> its arguments
    "recover": ("recover", "--trials", "3", "--clip", "none,stochastic"),
    "noise-sweep": ("noise-sweep", "--trials", "2", "--clip", "none", "--variances", "0.1"),
    "consistency": ("consistency", "--image", "x.png", "--trials", "2", "--clip", "none"),
    "invert": ("invert", "x.png", "--starts", "2"),
}


def list_results() -> list[Subject]:
    """Return finished and unfinished results of each experiment."""
    return [_make(name, finished) for name in _RUNS for finished in (True, False)]


def _make(name: str, finished: bool) -> Subject:
    file = f"{name}.h5"
    outputs = (f".{file}.lock", file, f"{file}.parts/*")
    commands = [
        Command(("report", file, "--format", "json")),
        Command(("report", file, "--format", "json")),
        Command(("report", file), (f"{name}/*", f"{name}/*/*"), published=True),
        Command(("merge", "m.h5", file, "--format", "json"), ("m.h5", ".m.h5.lock")),
        Command((*_RUNS[name], *_COMMON, "--format", "json"), outputs),
    ]
    if name in ("recover", "invert") and finished:
        commands.append(Command(("sample", "g", "--out", "s.png", "--z", file), ("s.png",)))

    def build(folder: Path) -> None:
        _write_results(folder, name, finished)

    return Subject(
        name if finished else f"{name}-parts",
        "results files" if finished else "parts of results files",
        build,
        (file,) if finished else (f"{file}.parts/*.h5",),
        tuple(commands),
        (edit_hdf5,),
        weight=4 if finished else 2,
        has_checksums=True,
    )


def _write_results(folder: Path, name: str, finished: bool) -> None:
    write_checkpoint(folder)
    run_ganinv(folder, "sample", "g", "--out", "pictures/", "--count", "1")
    (folder / "pictures" / "000000.png").rename(folder / "x.png")
    shutil.rmtree(folder / "pictures")
    if finished:
        run_ganinv(folder, *_RUNS[name], *_COMMON)
    else:
        with mock.patch("ganinv_cli.store.Run.finish", side_effect=KeyboardInterrupt):
            run_ganinv_interrupted(folder, *_RUNS[name], *_COMMON)
    for lock in folder.glob(".*.lock"):
        lock.unlink()


def run_ganinv_interrupted(folder: Path, *arguments: str) -> None:
    """Run a command that is interrupted."""
    from .support import load_support

    load_support("called").run_ganinv(folder, *arguments, code=130)
