"""The cells of Table 2: their measurements, and the runs made without a command."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.reproduction import joint, one_z, table2
from benchmarks.reproduction.cells import BASE, CELLS, Cell, CellData, read_cell
from ganinv_cli.store import read_results

ROOT = Path(__file__).parents[3]
PORTRAIT = ROOT / "docs/portraits/64/A000370.png"


def make_data(**changed: object) -> CellData:
    """Three recoveries at 0, 1 and 1 + 1e-5 of one component; the last two are one minimum."""
    z = np.zeros((3, 100))
    z[1, 0], z[2, 0] = 1, 1 + 1e-5
    data = CellData(z, np.array([4.0, 1.0, 2.0]), z, np.array([True, True, True]), 0, 3072)
    return data._replace(**changed)


def test_distances_minima_and_components_are_counted() -> None:
    found = table2.measure(make_data())
    assert found.mean == pytest.approx((1 + 1 + 1e-5 + 1e-5) / 3 / 100)
    assert found.minima == 2 and found.passed == 3
    assert found.loss == 2 and found.psnr == pytest.approx(10 * np.log10(4 * 3072 / 2))
    assert found.at_bound == 1  # of 0, 1 and 1


def test_a_recovery_that_is_no_minimum_is_not_counted_as_one() -> None:
    found = table2.measure(make_data(is_minimum=np.array([True, False, False])))
    assert (found.minima, found.passed) == (1, 1)


def test_what_was_not_refined_says_so() -> None:
    row = table2.make_row(BASE, table2.measure(make_data(refined=None, is_minimum=None)))
    assert row["refined"] == row["at a minimum"] == row["distinct minima"] == "-"


def test_every_cell_but_the_base_changes_one_thing() -> None:
    assert CELLS[0] is BASE
    assert len({(cell.factor, cell.value) for cell in CELLS}) == len(CELLS)
    assert read_cell(Path("nowhere"), BASE) is None


def test_the_best_of_some_starts_is_that_of_the_least_loss() -> None:
    whole = read_cell(ROOT / "docs/results", BASE)
    best = read_cell(ROOT / "docs/results", BASE._replace(best_of=4))
    assert whole is not None and best is not None
    np.testing.assert_array_equal(best.loss, whole.loss.reshape(-1, 4).min(axis=1))


def test_one_z_is_recovered_from_several_starts(tmp_path: Path) -> None:
    out = tmp_path / "one.h5"
    words = ["--checkpoint", "faces16", "--trials", "3", "--updates", "20", "--quiet"]
    run = CliRunner().invoke(one_z.main, [*words, "--out", str(out)])
    assert run.exit_code == 0, run.output
    results = read_results(out)
    z_true, starts = results.groups[""]["z_true"], results.groups["none"]["z_start"]
    assert (z_true == z_true[0]).all()
    assert len(np.unique(starts, axis=0)) == 3


def test_coupled_rows_are_minimised_together(tmp_path: Path) -> None:
    out = tmp_path / "joint.npz"
    words = ["--checkpoint", "faces16", "--rows", "4", "--iterations", "5", "--out", str(out)]
    run = CliRunner().invoke(joint.main, [str(PORTRAIT), *words])
    assert run.exit_code == 0, run.output
    data = read_cell(tmp_path, Cell("", "", "joint.npz"))
    assert data is not None and data.z.shape == (4, 100)
    assert np.abs(data.z).max() <= 1
    with np.load(out) as saved:
        assert saved["iterations"] == 5 and (saved["z"] != saved["z_start"]).all(axis=1).all()
