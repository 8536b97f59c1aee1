"""Hostile files of torch.save are refused in a sentence, and nothing in them is run."""

import os
import pickle
import resource
import struct
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch_generators as known
from torch_files import MAGIC, Tensor, pickle_content, save_archive, save_stream, write_archive

from ganinv_cli.errors import CheckpointError
from ganinv_cli.formats import read

pytestmark = pytest.mark.refusals


class _Runs:
    """An object whose pickle runs a command."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.marker}",)


@pytest.mark.parametrize("protocol", [2, 4, 5])
def test_nothing_in_a_file_is_run(tmp_path: Path, protocol: int) -> None:
    marker = tmp_path / "ran"
    evil = pickle.dumps({"netG": _Runs(marker), "x": [_Runs(marker)]}, protocol)
    files = [write_archive(tmp_path / "zip.pt", evil)]
    stream = tmp_path / "stream.pt"
    stream.write_bytes(b"".join(pickle.dumps(each, 2) for each in (MAGIC, 1001, {})) + evil)
    with stream.open("ab") as file:
        file.write(pickle.dumps([], 2))
    plain = tmp_path / "plain.pt"
    plain.write_bytes(evil)
    for path in (*files, stream, plain):
        _refused(path)
    assert not marker.exists()
    pickle.loads(evil)  # it would have been
    assert marker.exists()


def test_a_generator_beside_something_to_run_is_read_and_the_rest_is_not_run(
    tmp_path: Path,
) -> None:
    marker = tmp_path / "ran"
    state = known.make_dcgan().state
    data, storages = pickle_content({"netG": state})
    evil = pickle.dumps({"a": _Runs(marker)}, 2)[2:-1]
    both = data[:-1]
    path = tmp_path / "g.pt"
    with zipfile.ZipFile(path, "w") as file:
        # [generator, evil]
        file.writestr("a/data.pkl", both[:2] + b"(" + both[2:] + evil + b"l.")
        for key, array in storages.items():
            file.writestr(f"a/data/{key}", array.tobytes())
    assert read(path).sha256 == read(save_archive(tmp_path / "plain.pt", state)).sha256
    assert not marker.exists()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "pickle is damaged"),
        (b"\x80\x02", "pickle is damaged"),
        (b"\x80\x02.", "pickle is damaged"),
        (b"\x80\x02}r\xff\xff\xff\xff.", "no weights by their names"),  # memory for 4 G objects
        (b"\x80\x02\x8e\xff\xff\xff\xff\xff\xff\xff\x00.", "pickle is damaged"),  # 2^56 bytes
        (b"\x80\x02\x8b\xff\xff\xff\x7f.", "pickle is damaged"),  # a number of 2 GB
        (b"\x80\x02(((((((((.", "pickle is damaged"),
        (b"\x80\x02\x82\x01.", "uses EXT1"),
        (b"\x80\x02K\x01K\x02K\x03s.", "sets items of an object that is not a dictionary"),
        (b"\x80\x02X\x03\x00\x00\x00\xff\xff\xff.", "pickle is damaged"),
        (b"\x80\x02" + b"(" * 200_000 + b"t" * 200_000 + b".", "no weights"),
        (b"\x80\x02)" + b"0)" * 3 + b"\x85" * 100_000 + b".", "no weights"),
        (
            b"\x80\x02)" + b"q\x01h\x01h\x01\x86" * 64 + b"}h\x01K\x01s.",
            "no weights",
        ),  # 2^64 leaves
    ],
)
def test_pickles_that_ask_for_too_much_are_refused_at_once(
    tmp_path: Path, data: bytes, words: str
) -> None:
    start = time.monotonic()
    assert words in _refused(write_archive(tmp_path / "g.pt", data))
    assert time.monotonic() - start < 5


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (1 << 20, 1 << 20), (0, 0)),  # 4 TB of one number
        (0, (3, 3), (3, 1)),
        (1, (2, 3), (3, 1)),
        (0, (2, 3), (1 << 30, 1)),
        (-1, (2, 3), (3, 1)),
        (0, (2, 3), (-3, 1)),
        (0, (-2, 3), (3, 1)),
    ],
)
def test_tensors_beyond_their_storage_are_refused(
    tmp_path: Path, offset: int, shape: tuple[int, int], strides: tuple[int, int]
) -> None:
    data, storages = pickle_content({"fc.weight": np.ones((2, 3), np.float32)})
    old = b"K\x00K\x02K\x03\x86"
    assert data.count(old) == 1 and len(storages) == 1
    numbers = [b"J" + struct.pack("<i", each) for each in (offset, *shape, *strides)]
    new = numbers[0] + numbers[1] + numbers[2] + b"\x86"
    data = data.replace(old, new)
    place = data.index(new) + len(new)
    strided = data.index(b"K\x03K\x01\x86", place)
    data = data[:strided] + numbers[3] + numbers[4] + b"\x86" + data[strided + 5 :]
    _refused(write_archive(tmp_path / "g.pt", data, _0=np.ones(6, np.float32).tobytes()))


def test_a_member_that_unpacks_to_a_thousand_times_its_size_is_refused(tmp_path: Path) -> None:
    state = {
        "a.weight": np.zeros((4096, 1024), np.float32),
        "b.weight": np.zeros((3072, 4096), "f4"),
    }
    path = save_archive(tmp_path / "g.pt", state, compress=True)
    assert path.stat().st_size < 1 << 18
    assert "which weights do not" in _refused(path)


@pytest.mark.parametrize("kind", ["archive", "stream"])
def test_a_pickle_of_millions_of_objects_is_refused_with_little_memory(
    tmp_path: Path, kind: str
) -> None:
    path, evil = tmp_path / "g.pt", b"\x80\x02" + b"}" * 30_000_000 + b"."
    if kind == "archive":
        write_archive(path, evil)
    else:
        path.write_bytes(b"".join(pickle.dumps(each, 2) for each in (MAGIC, 1001, {})) + evil)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert "its pickle has more than 2,000,000 instructions" in _refused(path)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 500_000  # KB; the objects would take 2 GB


def test_an_archive_with_a_list_of_members_longer_than_itself_is_refused(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "g.pt", b"\x80\x02}.")
    content = bytearray(path.read_bytes())
    content[-10:-6] = struct.pack("<I", 1 << 30)
    path.write_bytes(content)
    assert "cannot be read as a generator (Bad offset" in _refused(path)


@pytest.mark.slow
@pytest.mark.parametrize("write", [save_archive, save_stream])
def test_a_file_cut_off_anywhere_or_changed_is_a_sentence(tmp_path: Path, write: Any) -> None:
    whole = write(tmp_path / "g.pt", {"netG": known.make_dcgan(widths=(4, 2)).state}).read_bytes()
    path = tmp_path / "cut.pt"
    random = np.random.default_rng(0)
    for cut in {0, 1, 4, 10, *random.integers(0, len(whole), 60).tolist()}:
        path.write_bytes(whole[:cut])
        _refused(path)
    for _ in range(200):
        changed = bytearray(whole)
        place = int(random.integers(0, len(whole)))
        changed[place : place + 1] = random.bytes(1)
        path.write_bytes(changed)
        _read_or_refused(path)


@pytest.mark.slow
def test_every_byte_of_a_pickle_may_be_wrong(tmp_path: Path) -> None:
    data, storages = pickle_content({"netG": {"a.weight": np.ones((2, 3), np.float32)}})
    random = np.random.default_rng(0)
    members = {f"_{key}": array.tobytes() for key, array in storages.items()}
    for place in range(len(data)):
        for byte in random.bytes(3):
            changed = data[:place] + bytes([byte]) + data[place + 1 :]
            _read_or_refused(write_archive(tmp_path / "g.pt", changed, **members))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("g.pt", b"", "empty"),
        ("g.pth", b"these are no weights\n", "in no format"),
        ("g.pkl", pickle.dumps({"w": [1.0, 2.0]}), "not one of torch.save"),
    ],
)
def test_other_files_are_called_what_they_are(
    tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    (tmp_path / name).write_bytes(content)
    message = _refused(tmp_path / name)
    assert any(each in message for each in words.split("|"))


def test_torchscript_is_refused_with_what_to_save(tmp_path: Path) -> None:
    path = write_archive(tmp_path / "g.pt", b"\x80\x02}.")
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("a/constants.pkl", b"\x80\x02}.")
    assert "TorchScript" in _refused(path) and "torch.onnx.export" in _refused(path)


def test_weights_that_are_not_floats_or_not_finite_are_named(tmp_path: Path) -> None:
    state = known.make_dcgan().state
    ints = state | {"main.3.weight": state["main.3.weight"].astype(np.int8)}
    assert "main.3.weight holds int8" in _refused(save_archive(tmp_path / "g.pt", {"G": ints}))
    state["main.3.weight"][0, 0, 0, 0] = np.nan
    assert "main.3 holds values that are not finite" in _refused(
        save_archive(tmp_path / "g.pt", state)
    )


def test_a_file_of_a_discriminator_alone_says_so(tmp_path: Path) -> None:
    message = _refused(save_archive(tmp_path / "d.pt", {"netD": known.make_discriminator()}))
    assert "is a discriminator: it takes images and returns one number; give" in message


def test_a_generator_of_too_many_weights_is_refused_unread(tmp_path: Path) -> None:
    one = np.ones(1, np.float32)
    large = Tensor(one, np.lib.stride_tricks.as_strided(one, (20_000, 20_000), (0, 0)))
    assert "400,000,000 weights" in _refused(save_archive(tmp_path / "g.pt", {"fc.weight": large}))


def _refused(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read(path)
    message = str(caught.value)
    assert str(path) in message and "\n" not in message
    return message


def _read_or_refused(path: Path) -> None:
    try:
        read(path)
    except CheckpointError as error:
        assert "\n" not in str(error)
