"""A results file is checked once, when it is opened; what is wrong is one sentence."""

import json

import h5py
import numpy as np
import pytest
from stored import make_provenance, merge, set_attribute, write_results_file

from ganinv_cli.errors import ResultsError
from ganinv_cli.store import open_run, read_results

DEEP = "[" * 30 + "]" * 30
WRONG = {  # attribute -> values that no run writes
    "schema": ["one", [1], 1.0, -1, b"1"],
    "seed": ["7", 7.5, [7, 8], -1, 2**40],
    "command": [7, ["recover"], "r" * 2000, h5py.Empty("f")],
    "started": ["", "soon", 5, "2026-01-05", ["2026-01-05T00:00:00+00:00"]],
    "finished": ["late", "2026-01-05", 0.5],
    "checkpoint_sha256": [5, "a" * 2000, b"\xff\xfe"],
    "device": [0, ["CPU"], np.zeros((2, 2))],
    "precision": ["float16", 16],
    "git": [1.5, [1]],
    "config": ["", "{", "[]", "5", '"text"', DEEP, '{"trials": NaN}', '{"later": 1e999}', 5],
    "identity": ["", "null", "[1]", '{"clip": "none"}', '{"lbfgs": 5}'],
    "versions": ["[]", '{"numpy": 2}', '{"numpy": ["2"]}'],
    "groups": ["{}", "[1]", "null", '["none", "none"]', '["$x$"]', '["../none"]', '["image=x"]'],
    "figures": ["5", "[[]]", '["../figure"]', '["a", "a"]', '["$\\\\frac$"]'],
    "generator": ["[]", "true", '{"doubt": ["a"]}'],
}
WRONG_SETTINGS = {
    "trials": [0, "10", 1.5, 2**40, True, None],
    "clip": ["none", [], ["none", "none"], ["$x$"], [1], {}],
    "solver": ["newton", {"name": "lbfgs"}],
    "label": ["a", -2],
    "prior": [5, ["uniform"]],
    "batch_norm": ["both", []],
    "checkpoint": [5, None],
    "lbfgs": [5, "fast"],
    "gd": [{"rate": "fast"}, {"halve_every": [1]}],
    "success": ["never"],
    "images": [-1, 10**12, "2"],
    "mask_sha256": [5],
}


def _list_readers(folder):
    """Every way in which a file is read: report, merge, and a run that goes on."""

    def resume(path):
        with open_run(path, make_provenance()):
            pass

    return read_results, lambda path: merge(folder / "out.h5", [path]), resume


def _assert_refused(path, said, readers):
    for read in readers:
        with pytest.raises(ResultsError) as refusal:
            read(path)
        sentence = str(refusal.value)
        assert refusal.value.exit_code == 2
        assert str(path) in sentence
        assert said in sentence
        assert "\n" not in sentence
        assert len(sentence) < 1000


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_attribute_is_named(tmp_path, name):
    path = write_results_file(tmp_path / "a.h5", [0])
    if name not in ("precision", "generator"):
        set_attribute(path, name, None)
        said = "ganinv did not write" if name in ("schema", "command") else f"{name} is missing"
        _assert_refused(path, said, _list_readers(tmp_path))
    for value in WRONG[name]:
        set_attribute(path, name, value)
        _assert_refused(path, name, [read_results])


@pytest.mark.parametrize("name", WRONG_SETTINGS)
def test_a_wrong_setting_is_named(tmp_path, name):
    path = write_results_file(tmp_path / "a.h5", [0])
    for attribute in ("config", "identity"):
        settings = getattr(make_provenance(), attribute)
        for value in WRONG_SETTINGS[name]:
            set_attribute(path, attribute, json.dumps(settings | {name: value}))
            _assert_refused(path, name, [read_results])
        _assert_refused(path, name, _list_readers(tmp_path))
        set_attribute(path, attribute, json.dumps(settings))
    assert read_results(path)
