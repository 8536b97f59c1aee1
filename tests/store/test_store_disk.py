"""The file operations of a commit, and a full disk."""

import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
import stored
from stored import CONSTANTS, assert_holds, commit_batches, make_provenance, make_rows, parts_folder

from ganinv_cli.store import SaveError, finished_file, open_run, read_results


@pytest.fixture
def path(tmp_path):
    return tmp_path / "recover.h5"


def test_a_commit_is_on_the_disk_before_it_has_its_name(path, monkeypatch):
    done = []
    fsync, replace = os.fsync, os.replace
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0])
        monkeypatch.setattr(
            os,
            "fsync",
            lambda fd: done.append(str(Path(f"/proc/self/fd/{fd}").readlink())) or fsync(fd),
        )
        monkeypatch.setattr(os, "replace", lambda a, b: done.append(str(b)) or replace(a, b))
        commit_batches(run, [1])
    part = str(parts_folder(path) / "part-00000002.h5")
    assert done == [part + ".tmp", part, str(parts_folder(path))]


def test_a_commit_never_touches_an_earlier_one(path):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0])
        (first,) = parts_folder(path).iterdir()
        before = (first.read_bytes(), first.stat().st_mtime_ns, first.stat().st_ino)
        commit_batches(run, [1], [2])
        assert (first.read_bytes(), first.stat().st_mtime_ns, first.stat().st_ino) == before


@pytest.mark.slow
def test_a_commit_costs_the_same_however_many_there_were(path, monkeypatch):
    touched, watched = [], []
    sys.addaudithook(  # stays for the session, silent unless `watched`
        lambda event, _: (
            touched.append(event) if watched and event.startswith(("open", "os.")) else 0
        )
    )
    opened, make = [], h5py.File
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(h5py, "File", lambda *a, **k: opened.append(a) or make(*a, **k))
    one = make_rows([0])
    costs = []
    with open_run(path, make_provenance()) as run:
        for trial in range(400):
            batch = {g: c | {"trial": np.array([trial])} for g, c in one.items()}
            touched.clear(), opened.clear()
            watched.append(True)
            run.commit(batch, CONSTANTS)
            watched.clear()
            costs.append((sorted(touched), len(opened)))
    assert "os.rename" in costs[1][0]
    assert costs[1] == costs[-1]
    assert costs[-1][1] == 1


def _full(*_, **__):
    raise OSError(28, "No space left on device")


def test_a_full_disk_says_what_is_safe(path, monkeypatch):
    with open_run(path, make_provenance()) as run:
        commit_batches(run, [0, 1])
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", _full)
            with pytest.raises(SaveError) as refusal:
                commit_batches(run, [2])
        said = str(refusal.value)
        assert refusal.value.exit_code == 1
        assert f"4 trials are saved in {parts_folder(path)}" in said
        assert "No space left" in said
        assert not list(parts_folder(path).glob("*.tmp"))
        assert_holds(read_results(path), [0, 1])
        commit_batches(run, [2])
        with monkeypatch.context() as patch:
            patch.setattr(os, "posix_fallocate", _full)
            with pytest.raises(SaveError):
                run.finish()
        run.finish()
    assert_holds(read_results(path), [0, 1, 2])


_LIMITED = """
import sys, pathlib, resource, signal
sys.path.insert(0, sys.argv[2])
import stored as t
from ganinv_cli.store import SaveError, open_run
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with open_run(pathlib.Path(sys.argv[1]), t.make_provenance()) as run:
    t.commit_batches(run, range(40))
    for limit in range(0, 2_000_000, 50_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            run.finish()
            break
        except SaveError:
            print("refused", flush=True)
"""


def test_hdf5_is_not_brought_down_by_a_real_lack_of_room(path):
    command = [sys.executable, "-c", _LIMITED, path, Path(stored.__file__).parent]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.count("refused") > 5
    assert done.stderr == ""
    assert_holds(read_results(path), range(40))
    assert read_results(path).complete


def test_the_room_reserved_is_enough(path, monkeypatch):
    monkeypatch.setattr(finished_file, "CHUNK_BYTES", 16)  # the most index for the least data
    reserved = []
    monkeypatch.setattr(os, "posix_fallocate", lambda _, __, size: reserved.append(size))
    with open_run(path, make_provenance()) as run:
        commit_batches(run, range(500))
        run.finish()
    assert path.stat().st_size <= reserved[0]
