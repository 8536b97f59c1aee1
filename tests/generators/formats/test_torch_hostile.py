"""Files that run code in Python's own reader of pickles run none here; bombs are refused."""

import contextlib
import os
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest
from torch_files import MAGIC, write_archive

from ganinv_cli.errors import CheckpointError
from ganinv_cli.generators.formats import read

TARGET = "hostile-code-ran"


def run_code(*_: Any) -> None:
    """Leave a trace."""
    Path(TARGET).touch()


class _Module:
    """A class of the file's program: an nn.Module, an optimiser, a config."""


class CodeInNew(_Module):
    def __new__(cls) -> "CodeInNew":
        run_code()
        return super().__new__(cls)


class CodeInSetState(_Module):
    def __getstate__(self) -> dict[str, Any]:
        return {"_parameters": {}, "_buffers": {}, "_modules": {}}

    def __setstate__(self, state: Any) -> None:
        run_code()


class CodeInReduce(_Module):
    def __reduce__(self) -> tuple[Any, ...]:
        return run_code, ("main.0.weight",)


class CodeInExtend(_Module):
    def __reduce__(self) -> tuple[Any, ...]:
        return CodeInExtend, (), None, iter([1, 2])

    def extend(self, items: Any) -> None:
        run_code()

    append = extend


class CodeInSetItem(_Module):
    def __reduce__(self) -> tuple[Any, ...]:
        return CodeInSetItem, (), None, None, iter([("weight", 1)])

    def __setitem__(self, key: Any, value: Any) -> None:
        run_code()


MKDIR = f"c{os.mkdir.__module__}\nmkdir\n".encode()
PATH = f"V{TARGET}\n".encode()
STARMAP = b"\x8c\x09itertools\x8c\x07starmap\x93("  # a class whose iterator calls a function
STARMAP += MKDIR + b"](" + PATH + b"tat"
PICKLES = {
    "GLOBAL and REDUCE": b"\x80\x02" + MKDIR + PATH + b"\x85R.",
    "STACK_GLOBAL and REDUCE": b"\x80\x04\x8c\x02os\x8c\x05mkdir\x93" + PATH + b"\x85R.",
    "INST": b"(" + PATH + b"ios\nmkdir\n.",
    "OBJ": b"(" + MKDIR + PATH + b"o.",
    "NEWOBJ": b"\x80\x04cbuiltins\nlist\n" + STARMAP + b"\x81\x85R.",
    "NEWOBJ_EX": b"\x80\x04cbuiltins\nlist\n" + STARMAP + b"}\x92\x85R.",
    "a call of a result": b"\x80\x02cbuiltins\ngetattr\ncbuiltins\n__import__\nVos\n\x85R"
    b"Vmkdir\n\x86R" + PATH + b"\x85R.",
    "CodeInNew": b"\x80\x02c" + f"{__name__}\nCodeInNew\n".encode() + b")\x81.",
    **{
        kind.__name__: pickle.dumps(kind(), 4)
        for kind in (CodeInSetState, CodeInReduce, CodeInExtend, CodeInSetItem)
    },
}


@pytest.mark.parametrize("data", PICKLES.values(), ids=PICKLES)
@pytest.mark.parametrize("is_archive", [True, False], ids=["archive", "stream"])
def test_nothing_in_a_file_is_run(tmp_path, monkeypatch, data, is_archive):
    monkeypatch.chdir(tmp_path)
    with contextlib.suppress(Exception):
        pickle.loads(data)
    trace = Path(TARGET)
    assert trace.exists()
    trace.rmdir() if trace.is_dir() else trace.unlink()

    path = tmp_path / "netG.pt"
    if is_archive:
        write_archive(path, data)
    else:
        head = [pickle.dumps(each, 2) for each in (MAGIC, 1001)]
        path.write_bytes(b"".join([*head, data, data, pickle.dumps([], 2)]))
    with pytest.raises(CheckpointError):
        read(path)
    assert not trace.exists()


BOMBS = {  # a pickle -> words of its refusal
    "lists": (b"\x80\x02" + 600_000 * b"]" + b".", "more than 500,000 operations"),
    "classes": (
        b"\x80\x02" + b"".join(b"ca\n%d\n0" % number for number in range(1_100)) + b"N.",
        "more than 1,000 classes",
    ),
    "a key that is hashed in 2 to the power of 70 steps": (
        b"\x80\x02})" + 70 * b"2\x86" + b"Ns.",
        "holds no weights",
    ),
}


@pytest.mark.refusals
@pytest.mark.parametrize(("data", "words"), BOMBS.values(), ids=BOMBS)
def test_a_pickle_of_too_many_operations_is_refused(tmp_path, data, words):
    with pytest.raises(CheckpointError, match=words):
        read(write_archive(tmp_path / "netG.pt", data))


@pytest.mark.refusals
def test_a_member_that_unpacks_to_a_hundred_times_its_size_is_not_unpacked(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "netG.pt", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("a/data.pkl", b"\x80\x02" + 2_000_000 * b"]" + b".")
    monkeypatch.setattr(zipfile.ZipFile, "open", None)
    with pytest.raises(CheckpointError, match="says that it becomes 2,000,003, which no weights"):
        read(tmp_path / "netG.pt")
