"""Data that the tests of the results store commit, and checks of it."""

import os

import h5py
import numpy as np

from ganinv_cli.results.store import Provenance, columns, open_run
from ganinv_cli.results.store.hdf5 import seal_file
from ganinv_cli.results.store.merge import merge_files
from ganinv_cli.results.store.rows import STARTS_PER_IMAGE

LATENT = 3
CURVE_GRADIENTS = np.array([0.0, 1.0, 10.0, 100.0])
SNAPSHOT_GRADIENTS = np.array([10.0, 30.0])
CONSTANTS = {"curve_gradients": CURVE_GRADIENTS, "snapshot_gradients": SNAPSHOT_GRADIENTS}
AXES = {"latent": LATENT, "height": 4, "width": 4, "channels": 3}
AXES |= {"points": len(CURVE_GRADIENTS), "snapshots": len(SNAPSHOT_GRADIENTS)}
AXES |= {"sides": 4, "strangers": 8}
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
    """Return trial `trial` of a group, the same for every call: a random value in each column."""
    draw = np.random.default_rng([trial, *group.encode()])
    row = {}
    for name, column in columns.get_columns(group).items():
        shape = tuple(AXES[axis] for axis in column.shape)
        kind = np.dtype("float32" if column.dtype == "float" else column.dtype)
        if column.values:
            row[name] = np.array(draw.choice(column.values[1:], shape), kind)
        elif kind.kind == "S":
            text = "" if name == columns.ERROR else f"Märchen {trial}.png"
            row[name] = np.array(text.encode(), kind)
        elif kind.kind == "f":
            row[name] = draw.normal(size=shape).astype(kind)
        else:
            row[name] = draw.integers(1, 6, shape).astype(kind)
    if "curve_loss" in row:
        row["curve_loss"][-1] = row["curve_error"][-1] = np.nan
    return {
        name: value for name, value in row.items() if name not in (columns.IMAGE, columns.TRIAL)
    }


def make_rows(trials, groups=("", "none", "stochastic")):
    """Return rows of trials, or of images in groups that have a row for each image."""
    return {
        group: {key: np.array(trials, np.int64)} | _stack_rows(group, trials)
        for group in groups
        for key in [next(iter(columns.get_columns(group)))]
    }


def make_starts(images, trials, group="none/starts"):
    """Return rows of these starts of these images."""
    pairs = [(image, trial) for image in images for trial in trials]
    keys = np.array(pairs, np.int64).reshape(-1, 2)
    rows = _stack_rows(group, [STARTS_PER_IMAGE * image + trial for image, trial in pairs])
    return {group: {columns.IMAGE: keys[:, 0], columns.TRIAL: keys[:, 1]} | rows}


def _stack_rows(group, numbers):
    rows = [make_row(group, number) for number in numbers]
    return {name: np.stack([row[name] for row in rows]) for name in make_row(group, 0) if rows}


def add_missing_columns(given, latent):
    """Return rows of a rule with zeros in the columns that they lack and every file has."""
    zeros = {
        name: np.zeros((len(given["trial"]), *[latent] * len(column.shape)), np.float32)
        for name, column in columns.get_columns("none").items()
        if not column.optional or name in ("z_error", "first/z_error")
    }
    return zeros | {"first/outcome": np.ones(len(given["trial"]))} | given


def commit_batches(run, *batches):
    for batch in batches:
        run.commit(make_rows(batch), CONSTANTS)


def assert_holds(results, trials):
    """Check that exactly these trials are there, bit for bit."""
    assert_equal(results.groups, make_rows(sorted(trials)) if trials else {})


def assert_equal(groups, rows):
    """Check that groups have exactly these rows, bit for bit."""
    assert set(groups) == set(rows)
    for group, expected in rows.items():
        found = groups[group]
        assert found.keys() == expected.keys()
        for name, values in expected.items():
            assert found[name].dtype == values.dtype, (group, name)
            assert found[name].tobytes() == values.tobytes(), (group, name)


def set_attribute(path, name, value):
    """Change an attribute of a results file, or remove it."""
    with h5py.File(path, "r+") as file:
        file.attrs.pop(name, None)
        if value is not None:
            file.attrs[name] = value


def seal_again(path, edit):
    """Edit the HDF5 file, as `edit` does with it, and write the checksum of what it is then."""
    with h5py.File(path, "r+") as file:
        edit(file)
    seal_file(path)


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
        write_results_file(
            folder / f"{number}.h5",
            trials,
            finished=number != 1,
            config={"trials": 10, "shard": f"{number + 1}/{len(SHARDS)}"},
        )
        for number, trials in enumerate(SHARDS)
    ]


def merge(out, paths, **options):
    """Merge them as `ganinv merge` does."""
    return merge_files(out, paths, **options)


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

    for name in ("fsync", "replace", "unlink"):
        monkeypatch.setattr(os, name, counted(getattr(os, name)))
    return left
