"""A results file that another made opens no other file, whoever reads it."""

import os

import h5py
import numpy as np
import pytest
from stored import (
    CONSTANTS,
    IMAGE_GROUPS,
    PIXELS,
    commit_batches,
    make_provenance,
    make_rows,
    merge,
    parts_folder,
)

import ganinv_cli as ganinv
from ganinv_cli.errors import ResultsError
from ganinv_cli.store import open_run, read_results

IMAGE = IMAGE_GROUPS[0]
TARGET = f"{IMAGE}/target"


def _keep_outside(file, secret):
    file.create_dataset(TARGET, (1, *PIXELS), np.uint8, external=[(str(secret), 0, 48)])


def _link_outside(file, secret):
    file[TARGET] = h5py.ExternalLink(str(secret), "/target")


def _link_inside(file, secret):
    file[TARGET] = h5py.SoftLink(f"/{IMAGE}/name")


def _borrow(file, secret):
    layout = h5py.VirtualLayout((1, *PIXELS), np.uint8)
    layout[:] = h5py.VirtualSource(str(secret), "target", (1, *PIXELS))
    file.create_virtual_dataset(TARGET, layout)


def _name_a_type(file, secret):
    file[TARGET] = np.dtype("uint8")


def _filter(file, secret):
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((1, *PIXELS))
    plan.set_filter(32001, h5py.h5z.FLAG_OPTIONAL)
    space = h5py.h5s.create_simple((1, *PIXELS))
    h5py.h5d.create(file.id, TARGET.encode(), h5py.h5t.NATIVE_UINT8, space, plan)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (_keep_outside, "target keeps its values in another file"),
        (_borrow, "target keeps its values in another file"),
        (_link_outside, "target is a link that leads elsewhere"),
        (_link_inside, "target is a link that leads elsewhere"),
        (_name_a_type, "target is neither a group nor an array"),
        (_filter, "target is compressed in an unknown way"),
    ],
)
@pytest.mark.parametrize("finished", [False, True])
def test_no_other_file_is_opened(tmp_path, change, says, finished):
    path, secret = tmp_path / "invert.h5", tmp_path / "secret"
    secret.write_bytes(bytes(range(100)))
    provenance = make_provenance(command="invert")
    with open_run(path, provenance) as run:
        run.commit(make_rows([0], (IMAGE,)) | make_rows([0], (f"{IMAGE}/stochastic",)), CONSTANTS)
        if finished:
            run.finish()
    changed = path if finished else next(parts_folder(path).iterdir())
    with h5py.File(changed, "r+") as file:
        del file[TARGET]
        change(file, secret)

    def resume():
        with open_run(path, provenance):
            pass

    readers = read_results, ganinv.open, lambda path: merge(tmp_path / "out.h5", [path])
    for read in (*readers, lambda path: resume()):
        with pytest.raises(ResultsError, match="is not a results file as ganinv") as caught:
            read(path)
        assert says in str(caught.value) and str(changed) in str(caught.value)
    assert not (tmp_path / "out.h5").exists()


def test_overwrite_keeps_what_another_program_wrote(tmp_path):
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["here"] = h5py.ExternalLink("there.h5", "/there")
    before = path.read_bytes()
    says = "a.h5 is not replaced, because .*: /here is a link that leads elsewhere; delete it"
    with (
        pytest.raises(ResultsError, match=says),
        open_run(path, make_provenance(), overwrite=True),
    ):
        pass
    assert path.read_bytes() == before


def test_a_pipe_is_refused_and_not_opened(tmp_path):
    os.mkfifo(tmp_path / "a.h5")
    with pytest.raises(
        ResultsError, match=r"a\.h5 cannot be read \(it is a pipe, not a file\); check the path"
    ):
        read_results(tmp_path / "a.h5")


def test_a_damaged_heap_of_texts_is_refused_and_not_read_forever(tmp_path):
    path = tmp_path / "a.h5"
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0])
        run.finish()
    content = bytearray(path.read_bytes())
    at = content.rindex(b"GCOL\1") + 16
    while int.from_bytes(content[at : at + 2], "little"):
        at += 16 + -(-int.from_bytes(content[at + 8 : at + 16], "little") // 8) * 8
    content[at + 8 : at + 16] = bytes(8)
    path.write_bytes(content)
    with pytest.raises(ResultsError, match="a heap of its texts"):
        read_results(path)


def test_heaps_that_overlap_are_refused_and_not_read_again_and_again(tmp_path):
    path = tmp_path / "a.h5"
    heap = b"GCOL\1\0\0\0" + (1 << 20).to_bytes(8, "little") + bytes(8)
    heap += ((1 << 20) - 16).to_bytes(8, "little")  # all of it is free
    with h5py.File(path, "w") as file:
        file["heaps"] = np.frombuffer(heap * (1 << 17), np.uint8)  # 4 MiB
    with pytest.raises(ResultsError, match="a heap of its texts"):
        read_results(path)
