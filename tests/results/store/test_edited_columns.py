"""A column that was edited in a results file, which was sealed again, is refused in a sentence."""

import itertools
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from reports.cases import make_consistency, make_invert, make_recover_with_all_columns
from stored import seal_again

from ganinv_cli.errors import ResultsError
from ganinv_cli.experiments.summary import summarize
from ganinv_cli.results.store import read_results
from ganinv_cli.results.store.attributes import SCHEMA_VERSION
from ganinv_cli.results.store.columns import IMAGE, get_columns
from ganinv_cli.results.store.hdf5 import write_file
from ganinv_cli.results.store.rows import make_records, split_records


def _write(path, make):
    results = make()
    groups = {
        name: split_records(make_records(name, rows)) for name, rows in results.groups.items()
    }
    attributes = results.attributes | {"schema": SCHEMA_VERSION}
    write_file(path, replace(results, groups=groups, attributes=attributes, selection=None))
    return path


def _read_all(path):
    for rows in read_results(path).groups.values():
        assert dict(rows)


def _replace(name, change):
    def edit(file):
        data = file[name]
        values, attributes = data[()], dict(data.attrs)
        del file[name]
        file[name] = change(values)
        file[name].attrs.update(attributes)

    return edit


EDITS = {
    "missing": lambda name: lambda file: file.pop(name),
    "a group": lambda name: lambda file: (file.pop(name), file.create_group(name)),
    "another rank": lambda name: _replace(name, lambda values: values[..., None]),
    "another number of rows": lambda name: _replace(name, lambda values: values[:-1]),
    "another type": lambda name: _replace(name, lambda values: np.full(values.shape, b"1", "S1")),
}
IMPOSSIBLE = {  # the end of a column's name -> values that it cannot have
    "outcome": np.uint8(6),
    "acted": np.uint8(2),
    "explained": np.uint8(2),
    "verdict": b"perhaps",
    "starts/trial": np.int64(3),
    "certificates/image": np.int64(0),
}


def _check_refused(path, content, edit):
    path.write_bytes(content)
    seal_again(path, edit)
    with pytest.raises(ResultsError) as error:
        _read_all(path)
    assert error.value.exit_code == 2
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_column_that_is_not_as_declared_is_refused_in_a_sentence(tmp_path):
    """Each column of each kind of group once, by one edit in turn."""
    seen, edits = set(), itertools.cycle(EDITS)
    for make in (make_recover_with_all_columns, make_invert, make_consistency):
        path = _write(tmp_path / f"{make.__name__}.h5", make)
        _read_all(path)
        content, groups = path.read_bytes(), read_results(path).groups
        for group, rows in groups.items():
            kind = group.rpartition("/")[2] if "/" in group else group and IMAGE in rows
            for name in {(kind, name) for name in rows} - seen:
                seen.add(name)
                place, edit = f"{group}/{name[1]}".strip("/"), next(edits)
                if edit == "missing" and get_columns(group)[name[1]].optional:
                    edit = next(edits)
                _check_refused(path, content, EDITS[edit](place))
                _check_impossible(path, content, place)


def _check_impossible(path, content, place):
    for end, value in IMPOSSIBLE.items():
        if f"/{place}".endswith(f"/{end}"):
            change = partial(np.full_like, fill_value=value)
            _check_refused(path, content, _replace(place, change))


def test_a_certificate_of_a_start_that_is_not_there_is_refused(tmp_path):
    path = _write(tmp_path / "run.h5", make_invert)
    seal_again(
        path, _replace("stochastic/certificates/best", partial(np.full_like, fill_value=2_000_000))
    )
    with pytest.raises(ResultsError, match="a certificate is of start 2000000, which is not in"):
        summarize(read_results(path), "run.h5")


def test_an_optional_column_that_a_report_needs_is_named(tmp_path):
    path = _write(tmp_path / "run.h5", make_invert)
    seal_again(path, lambda file: file.pop("stochastic/certificates/tried"))
    with pytest.raises(ResultsError, match=r"run.h5: stochastic/certificates has no column tried"):
        summarize(read_results(path), "run.h5")
