"""A results file with a changed array is read right, or refused in a sentence."""

import os
import resource
from pathlib import Path

import h5py
import numpy as np
import pytest
from stored import CONSTANTS, make_provenance, make_rows, merge, parts_folder

from ganinv_cli.errors import GaninvError
from ganinv_cli.report import render, summarize
from ganinv_cli.report.report import find_report_module
from ganinv_cli.store import Figure, checksums, open_run, read_results

MORE_MEMORY = 1 << 30  # bytes
SAMPLE = int(os.environ.get("ARRAYS", "3"))  # arrays of each file that are changed in each way
RULE_GROUPS = ("", "none", "stochastic")
IMAGE = "image=0000"
PICTURES = np.zeros((2, 3, 4, 4, 3), np.uint8)


def _make_image_rows():
    groups = (IMAGE, f"{IMAGE}/none", f"{IMAGE}/none/certificate")
    rows = {}
    for group in groups:
        whole = "image=0003/certificate" if group.endswith("certificate") else group
        whole = "image=0003" if group == IMAGE else whole
        trials = [0, 1, 2] if group == f"{IMAGE}/none" else [0]
        (rows[group],) = make_rows(trials, (whole,)).values()
    certificate = rows[f"{IMAGE}/none/certificate"]
    certificate |= {"recoveries": np.array([3]), "best": np.array([0]), "distant": np.array([1])}
    return rows


COMMANDS = {
    "recover": lambda: make_rows([0, 1, 2], RULE_GROUPS),
    "noise-sweep": lambda: make_rows([0, 1, 2], ("", "variance=0.1/none", "variance=1/none")),
    "consistency": _make_image_rows,
    "invert": _make_image_rows,
}
KINDS = (*COMMANDS, "part", "merged")
_NAMES = {"part": "recover", "merged": "recover"}


def _provenance(kind):
    identity = {"solver": "lbfgs", "lbfgs": {"memory": 50}, "clip": ["none", "stochastic"]}
    config = {"trials": 3, **identity, "images": 1, "variances": [0.1, 1.0]}
    return make_provenance(command=_NAMES.get(kind, kind), config=config, identity=identity)


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """The content of a small file of each kind."""
    folder = tmp_path_factory.mktemp("originals")

    def write(kind, name, trials=None):
        path = folder / name
        rows = COMMANDS[_NAMES.get(kind, kind)]() if trials is None else make_rows(trials)
        with open_run(path, _provenance(kind)) as run:
            run.commit(rows, CONSTANTS | {"shared_gradients": np.array(5.0)})
            if kind == "part":
                (part,) = parts_folder(path).iterdir()
                return part
            run.finish({"figure1-none": Figure(PICTURES, ("start", "found"), (0, 1, 2))})
        return path

    files = {kind: write(kind, f"{kind}.h5") for kind in (*COMMANDS, "part")}
    pair = [write("recover", f"{number}.h5", [number]) for number in range(3)]
    files["merged"] = folder / "merged.h5"
    merge(files["merged"], pair)
    return {kind: path.read_bytes() for kind, path in files.items()}


@pytest.fixture(autouse=True)
def _bounded_memory():
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (now + MORE_MEMORY, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_AS, before)


def _read(path, kind):
    """Read everything in a file, and report it."""
    results = read_results(path)
    for group in results.groups.values():
        for name in group:
            assert len(group[name]) == len(group["trial"])
    module = find_report_module(results, path.name)
    report = summarize(results, path.name)
    for _ in module.iterate_pictures(results):
        pass
    return [render([report], style) for style in ("text", "json")]


def _merge(path, kind):
    merge(path.with_name("out.h5"), [path], partial=True)


def _resume(path, kind):
    with open_run(path, _provenance(kind)) as run:
        for group in read_results(path).groups:
            run.read_group(group)
        run.commit(make_rows([5], ("none",)), CONSTANTS)
        run.finish()


READERS = (_read, _merge, _resume)


def _replace(values):
    def replace(file, path, shape, dtype):
        del file[path]
        if values is not None:
            file[path] = values

    return replace


def _retype(dtype, fill=0):
    def retype(file, path, shape, dtype_before):
        del file[path]
        file[path] = np.full(shape, fill, dtype)

    return retype


def _reshape(change):
    def reshape(file, path, shape, dtype):
        values = np.resize(file[path][()], change(shape))
        del file[path]
        file[path] = values

    return reshape


def _declare(change, chunked):
    def declare(file, path, shape, dtype):
        del file[path]
        whole = change(shape)
        chunks = tuple(min(size, 64) for size in whole) if chunked else None
        file.create_dataset(path, whole, dtype, chunks=chunks)

    return declare


def _make_group(file, path, shape, dtype):
    del file[path]
    file.create_group(path)


def _fill(number):
    def fill(file, path, shape, dtype):
        file[path][...] = np.full(shape, number).astype(dtype)

    return fill


CHANGES = {
    "removed": _replace(None),
    "a group": _make_group,
    "a number": _replace(5),
    "empty": _replace(h5py.Empty("f")),
    "a text": _replace("text"),
    "texts": _retype("S5", b"abc"),
    "half": _retype(np.float16),
    "complex": _retype(complex),
    "short integers": _retype(np.int16, 1),
    "big-endian": _retype(">f8"),
    "more rows": _reshape(lambda shape: (9, *shape[1:])),
    "no rows": _reshape(lambda shape: (0, *shape[1:])),
    "another axis": _reshape(lambda shape: (*shape, 1)),
    "wider": _reshape(lambda shape: (*shape[:-1], 2 * shape[-1]) if shape else (2,)),
    "flat": _reshape(lambda shape: (int(np.prod(shape)),)),
    "negative": _fill(-7),
    "all the same": _fill(2),
    "huge": _declare(lambda shape: (2**40, *shape[1:]), True),
    "huge, in one piece": _declare(lambda shape: (2**33, *shape[1:]), False),
    "huge, wide": _declare(lambda shape: (*shape, 2**33), True),
}


def _list_arrays(content, tmp_path):
    path = tmp_path / "list.h5"
    path.write_bytes(content)
    names = []
    with h5py.File(path) as file:
        file.visititems(lambda name, node: names.append(name) if hasattr(node, "dtype") else None)
    return names


def _check(path, kind, content, name, change, reader):
    """Change an array in a copy of a file; check that it is read, or refused in a sentence."""
    path.write_bytes(content)
    with h5py.File(path, "r+") as file:
        del file.attrs[checksums.ATTRIBUTE]
        change(file, name, file[name].shape, file[name].dtype)
    try:
        reader(path, kind)
    except GaninvError as error:
        assert "\n" not in str(error), (name, str(error))
        assert len(str(error)) < 1000, (name, str(error))
        assert error.exit_code == 2, (name, str(error))


@pytest.mark.parametrize("kind", KINDS)
def test_files_that_nobody_changed_are_read(originals, tmp_path, kind):
    for reader in READERS:
        path = tmp_path / f"{reader.__name__}.h5"
        path.write_bytes(originals[kind])
        reader(path, kind)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_array_is_read_right_or_refused(originals, tmp_path, kind, change):
    names = _list_arrays(originals[kind], tmp_path)
    draw = np.random.default_rng([KINDS.index(kind), list(CHANGES).index(change)])
    for number, name in enumerate(draw.permutation(names)[:SAMPLE]):
        for reader in READERS if number < 1 else READERS[:1]:
            path = tmp_path / f"{number}-{reader.__name__}.h5"
            _check(path, kind, originals[kind], name, CHANGES[change], reader)
