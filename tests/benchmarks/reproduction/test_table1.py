"""Kept results of gradient descent, and the table and figure made from them."""

import json
from pathlib import Path

import builders
import numpy as np
import pytest
from click.testing import CliRunner
from stored import set_attribute

from benchmarks.reproduction import keep, table1
from ganinv_cli.cli import main
from ganinv_cli.store import read_results

TRIALS = 10


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a short run of plain descent on a small generator, with a commit as its revision."""
    folder = tmp_path_factory.mktemp("run")
    builders.make_hard_checkpoint(folder / "hard")
    (folder / "gd.toml").write_text(
        'solver = "gd"\nrestarts = 0\nsuccess = "end"\nsnapshots = [50]\n[gd]\nrate = 2\n'
    )
    arguments = ["recover", "--config", folder / "gd.toml", "--checkpoint", folder / "hard"]
    more = ["--trials", TRIALS, "--budget", 300, "--out", folder / "run.h5", "-q"]
    result = CliRunner().invoke(main, [str(each) for each in (*arguments, *more)])
    assert result.exit_code == 0, result.output
    return _change_revision(folder / "run.h5", folder / "clean.h5", "0123456789ab")


def _change_revision(path: Path, copy: Path, revision: str) -> Path:
    copy.write_bytes(path.read_bytes())  # the file itself stays open in this process
    set_attribute(copy, "git", revision)
    return copy


@pytest.fixture(scope="module")
def kept(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    copy = tmp_path_factory.mktemp("results") / "run.h5"
    result = CliRunner().invoke(keep.main, [str(run), str(copy)])
    assert result.exit_code == 0, result.output
    return copy


def test_a_kept_file_has_all_but_most_starts_and_curves(run: Path, kept: Path) -> None:
    whole, copy = read_results(run), read_results(kept)
    assert copy.complete
    assert copy.attributes == whole.attributes
    for name, group in whole.groups.items():
        for column in group:
            ours, theirs = np.asarray(copy.groups[name][column]), np.asarray(group[column])
            if column in keep.THINNED:
                np.testing.assert_array_equal(ours[:8], theirs[:8])
                assert np.isnan(ours[8:]).all()
            else:
                np.testing.assert_array_equal(ours, theirs)


def test_a_kept_file_makes_the_same_table(run: Path, kept: Path) -> None:
    tables = [
        json.loads(CliRunner().invoke(main, ["report", str(path), "--format", "json"]).stdout)[
            "tables"
        ]
        for path in (run, kept)
    ]
    assert tables[0] == tables[1]


def test_a_changed_tree_is_not_kept(run: Path, tmp_path: Path) -> None:
    copy = _change_revision(run, tmp_path / "dirty.h5", "0123456789ab-dirty")
    result = CliRunner().invoke(keep.main, [str(copy), str(tmp_path / "kept.h5")])
    assert result.exit_code == 1
    assert "changed tree" in result.output
    assert not (tmp_path / "kept.h5").exists()


def test_the_table_counts_what_the_file_holds_beside_the_theory(kept: Path, tmp_path: Path) -> None:
    result = CliRunner().invoke(table1.main, [str(kept.parent), "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    sections = json.loads((tmp_path / "table1.json").read_text())
    rows = sections["Table 1 by the paper's method"]
    assert [row["clipping"] for row in rows] == 2 * ["none", "standard", "stochastic"]
    assert rows[0]["1e-4"].startswith(".980 [.969, .988]")
    groups = read_results(kept).groups
    theory = json.loads(kept.with_suffix(".theory.json").read_text())
    for row in rows[3:]:
        group = groups[row["clipping"]]
        assert row["generator, method"] == "hard, rate 2, 299 updates"
        share = float(row["1e-1"].split()[0])
        assert share == pytest.approx(np.mean(np.asarray(group["z_error"]) < 0.1), abs=1e-3)
        assert int(row["acted"]) == np.sum(np.asarray(group["acted"]) > 0)
        assert row["theory, 1e-4"].startswith(table1.format_share(theory["least"]["1e-4"]))
    assert (tmp_path / "predicted.png").stat().st_size > 10_000
    assert "### Table 1 by the paper's method" in (tmp_path / "table1.md").read_text()


def test_a_folder_without_descent_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(table1.main, [str(tmp_path), "--out", str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "no results of gradient descent" in result.output
