"""A kept results file has all that its tables need."""

import json

import builders
import numpy as np
import pytest
from click.testing import CliRunner
from reports.known_sweep import make_image_groups, make_image_results
from stored import set_attribute

from benchmarks.reproduction import keep
from ganinv_cli.cli import main
from ganinv_cli.results.store import read_results
from ganinv_cli.results.store.attributes import SCHEMA_VERSION
from ganinv_cli.results.store.hdf5 import seal_file, write_file

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A short run of plain descent on a small generator, with a commit as its revision."""
    folder = tmp_path_factory.mktemp("run")
    builders.make_hard_definition(folder / "hard")
    (folder / "gd.toml").write_text(
        'solver = "gd"\nrestarts = 0\nsuccess = "end"\nsnapshots = [50]\n[gd]\nrate = 2\n',
        encoding="utf-8",
    )
    arguments = ["recover", "--config", folder / "gd.toml", "--checkpoint", folder / "hard"]
    more = ["--trials", 10, "--budget", 300, "--out", folder / "run.h5", "-q"]
    result = CliRunner().invoke(main, [str(each) for each in (*arguments, *more)])
    assert result.exit_code == 0, result.output
    return change_revision(folder / "run.h5", folder / "clean.h5", "0123456789ab")


def change_revision(path, copy, revision):
    copy.write_bytes(path.read_bytes())  # the file itself stays open in this process
    set_attribute(copy, "git", revision)
    seal_file(copy)
    return copy


@pytest.fixture(scope="module")
def kept(run, tmp_path_factory):
    copy = tmp_path_factory.mktemp("results") / "run.h5"
    result = CliRunner().invoke(keep.main, [str(run), str(copy)])
    assert result.exit_code == 0, result.output
    return copy


def test_a_kept_file_has_all_but_most_starts_and_curves(run, kept):
    whole, copy = read_results(run), read_results(kept)
    assert copy.complete and copy.attributes == whole.attributes
    for name, group in whole.groups.items():
        for column in group:
            ours, theirs = np.asarray(copy.groups[name][column]), np.asarray(group[column])
            if column in keep.THINNED:
                np.testing.assert_array_equal(ours[:8], theirs[:8])
                assert np.isnan(ours[8:]).all()
            else:
                np.testing.assert_array_equal(ours, theirs)


def test_a_kept_file_makes_the_same_table(run, kept):
    tables = [
        json.loads(CliRunner().invoke(main, ["report", str(path), "--format", "json"]).stdout)[
            "tables"
        ]
        for path in (run, kept)
    ]
    assert tables[0] == tables[1]


def test_a_changed_tree_is_not_kept(run, tmp_path):
    copy = change_revision(run, tmp_path / "dirty.h5", "0123456789ab-dirty")
    result = CliRunner().invoke(keep.main, [str(copy), str(tmp_path / "kept.h5")])
    assert result.exit_code == 1
    assert "changed tree" in result.output


def test_the_first_starts_of_each_image_are_kept(tmp_path):
    results = make_image_results(a=make_image_groups(), b=make_image_groups())
    results.attributes["schema"] = SCHEMA_VERSION
    write_file(tmp_path / "run.h5", results)
    keep.copy_thinned(tmp_path / "run.h5", tmp_path / "kept.h5", {"z_start"}, set())
    starts = read_results(tmp_path / "kept.h5").groups["stochastic/starts"]
    is_kept = np.isfinite(starts["z_start"]).all(axis=1)
    assert is_kept.tolist() == (starts["trial"] < keep.KEPT_TRIALS).tolist()
    assert is_kept.sum() == 2 * keep.KEPT_TRIALS
