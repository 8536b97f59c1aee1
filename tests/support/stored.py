"""Data that the tests of the results store commit, and checks of it."""

import os

import h5py
import numpy as np

from ganinv_cli.report.report import list_trial_groups
from ganinv_cli.store import Provenance, columns, hdf5, open_run
from ganinv_cli.store.merge import merge_files

LATENT = 3
PIXELS = (4, 4, 3)  # height, width, channels
CURVE_GRADIENTS = np.array([0.0, 1.0, 10.0, 100.0])
SNAPSHOT_GRADIENTS = np.array([10.0, 30.0])
CONSTANTS = {"curve_gradients": CURVE_GRADIENTS, "snapshot_gradients": SNAPSHOT_GRADIENTS}
IMAGE_GROUPS = ("image=0003", "image=0003/certificate")
SHARDS = ([0, 1, 4, 5], [2, 3, 6, 7], [8, 9])  # of range(10)


def make_provenance(**changes):
    settings = {
        "command": "recover",
        "config": {"trials": 10, "solver": "lbfgs", "lbfgs": {"memory": 50}},
        "identity": {
            "solver": "lbfgs",
            "lbfgs": {"memory": 50},
            "clip": ["none", "stochastic"],
        },
        "checkpoint_sha256": "ab" * 32,
        "versions": {"numpy": np.__version__},
        "device": "CPU",
        "seed": 7,
        "git": "0123456",
    }
    return Provenance(**settings | changes)


def make_row(group, trial):
    """Return trial `trial` of a group, the same for every call."""
    draw = np.random.default_rng([trial, *group.encode()])
    if not group:
        truth = draw.normal(size=LATENT).astype(np.float32)
        label = np.int32(draw.integers(9))
        return {"z_true": truth, "label": label, "cramer_rao": draw.uniform()}
    if group in IMAGE_GROUPS:
        return (
            _make_certificate_row(draw)
            if group.endswith("/certificate")
            else _make_image_row(draw, trial)
        )
    ends = {
        "z_found": draw.normal(size=LATENT).astype(np.float32),
        "label": np.int32(draw.integers(9)),
        "z_error": draw.normal(),
        "error_bound": draw.uniform(),
        "image_loss": np.float32(draw.normal()),
        "outcome": np.uint8(draw.integers(1, 6)),
        "gradients": draw.integers(1, 999) / 2,
        "redraws": np.int32(draw.integers(9)),
        "acted": np.uint8(draw.integers(2)),
        "actions": np.int32(draw.integers(9)),
        "seconds": draw.uniform(),
    }
    return {
        "z_start": draw.normal(size=LATENT).astype(np.float32),
        **ends,
        "z_error_least": draw.normal(),
        "restarts": np.int32(draw.integers(9)),
        "shared": np.uint8(draw.integers(2)),
        "curve_loss": np.array([3, 2, 1, np.nan], np.float32),
        "curve_error": np.array([6, 5, 4, np.nan], np.float32),
        "z_snapshots": draw.normal(size=(2, LATENT)).astype(np.float32),
        **{f"first/{name}": value for name, value in ends.items()},
        "first/at_bound": np.int32(draw.integers(LATENT)),
        "polished/z_found": draw.normal(size=LATENT),
        "polished/z_error": draw.uniform(),
        "polished/image_loss": draw.uniform(),
        "polished/gradient_norm": draw.uniform(),
        "polished/steepness": draw.uniform(),
        "polished/gradients": draw.uniform(),
        "polished/seconds": draw.uniform(),
        "polished/outcome": np.uint8(draw.integers(0, 6)),
    }


def _make_image_row(draw, trial):
    return {
        "name": np.array(f"Märchen {trial}.png".encode(), "S255"),
        "sha256": np.array(b"%064x" % trial, "S64"),
        "said": np.array(b"transparent: on grey", "S255"),
        "error": np.array(b"", "S255"),
        "target": draw.integers(256, size=PIXELS, dtype=np.uint8),
        "copy_quality": np.array([0, 75], np.int32),
        "copy_loss": draw.uniform(size=2),
    }


def _make_certificate_row(draw):
    return {
        "recoveries": np.int32(draw.integers(1, 99)),
        "best": np.int32(draw.integers(99)),
        "distant": np.int32(draw.integers(99)),
        "reconstruction": draw.integers(256, size=PIXELS, dtype=np.uint8),
        "distant_reconstruction": draw.integers(256, size=PIXELS, dtype=np.uint8),
        "singular_values": draw.uniform(size=LATENT),
    }


def make_rows(trials, groups=("", "none", "stochastic")):
    rows = {group: [make_row(group, trial) for trial in trials] for group in groups}
    return {
        group: {"trial": np.array(trials)}
        | {name: np.stack([row[name] for row in listed]) for name in listed[0]}
        for group, listed in rows.items()
    }


def add_missing_columns(given, latent):
    """Return rows of a rule with zeros in the columns that they lack and every file has."""
    zeros = {
        name: np.zeros((len(given["trial"]), *[latent] * len(column.shape)), np.float32)
        for name, column in columns.get_group_kind("none").columns.items()
        if not column.optional or name in ("z_error", "first/z_error")
    }
    return zeros | {"first/outcome": np.ones(len(given["trial"]))} | given


def commit_batches(run, *batches):
    for batch in batches:
        run.commit(make_rows(batch), CONSTANTS)


def assert_holds(results, trials):
    """Check that exactly these trials are there, bit for bit."""
    trials = sorted(trials)
    assert set(results.groups) == (set(make_rows([0])) if trials else set())
    for group, expected in make_rows(trials).items() if trials else ():
        found = results.groups[group]
        assert found.keys() == expected.keys()
        for name, values in expected.items():
            assert found[name].dtype == values.dtype, (group, name)
            assert found[name].tobytes() == values.tobytes(), (group, name)


def set_attribute(path, name, value):
    """Change an attribute of a results file, or remove it, and the checksum of all."""
    with h5py.File(path, "r+") as file:
        file.attrs.pop(hdf5.ATTRIBUTE, None)
        file.attrs.pop(name, None)
        if value is not None:
            file.attrs[name] = value


def write_results_file(path, trials, finished=True, figures=None, **changes):
    """Its path; `changes` are of its provenance."""
    with open_run(path, make_provenance(**changes)) as run:
        commit_batches(run, trials)
        if finished:
            run.finish(figures)
    return path


def write_shards(folder):
    """A whole run in three files, the second of them interrupted."""
    return [
        write_results_file(folder / f"{number}.h5", trials, finished=number != 1)
        for number, trials in enumerate(SHARDS)
    ]


def merge(out, paths, **options):
    """Merge them as `ganinv merge` does."""
    return merge_files(out, paths, list_trial_groups, **options)


class KilledError(BaseException):
    """Stands for the end of the process."""


def kill_after(monkeypatch, calls):
    """End the process at the given call of those that change what is on the disk."""
    left = [calls]

    def counted(function):
        def call(*arguments, **keywords):
            left[0] -= 1
            if left[0] < 0:
                raise KilledError
            return function(*arguments, **keywords)

        return call

    for name in ("fsync", "replace", "unlink", "pwrite", "ftruncate", "posix_fallocate"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))
    return left
