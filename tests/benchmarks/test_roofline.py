"""The roofline compares equal work with equal work, turn by turn."""

import importlib
from pathlib import Path
from types import ModuleType

import builders
import pytest

from ganinv_cli.network.make_generator import make_generator

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def roofline(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("roofline_study.measure")


def test_a_share_is_the_median_of_those_of_the_turns(roofline: ModuleType) -> None:
    row = roofline._make_row(
        {"loop": [1.0, 40.0, 4.0], "peak": [2.0, 40.0, 16.0]}, "loop", "peak", 10
    )
    assert (row.rate, row.multiply_adds) == (4.0, 40.0)
    assert (row.least, row.share, row.most) == (0.25, 0.5, 1.0)


def test_a_product_counts_as_the_gradients_of_its_multiply_adds(roofline: ModuleType) -> None:
    assert roofline._make_product(8, "float32", work=128)() == 4.0


@pytest.mark.slow
def test_all_is_measured_and_compared_with_what_it_could_be(
    roofline: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roofline, "SIDES", (8, 16))
    generator = make_generator(builders.make_checkpoint(tmp_path))
    plan = roofline.Plan((2, 4), turns=1, seconds=1e-3, solver_seconds=1e-3)

    rows = list(roofline.measure_rows(generator, plan))

    assert all(row.rate > 0 and row.share > 0 for row in rows)
    loops = [(row.what, row.batch, row.of) for row in rows if row.what.startswith("bare loop")]
    expected = [
        (f"bare loop, {precision}", size, f"matrix product, {precision}")
        for precision in ("float32", "bfloat16")
        for size in plan.batches
    ]
    assert loops[:-1] == expected
    assert loops[-1][::2] == ("bare loop, bfloat16", "bare loop, float32")
    assert (rows[-1].what, rows[-1].of) == ("solver, float32", "bare loop, float32, of its loss")


@pytest.mark.slow
def test_descent_is_compared_on_generators_of_every_size(roofline: ModuleType) -> None:
    plan = roofline.Plan((2,), 1, 1e-3, 1e-3, small_widths=((4, 2), (2,)), descent_batches=(2, 3))
    rows = [(row.what, row.batch, row.of) for row in roofline.measure_descent(plan)]
    assert rows == [
        (f"descent, {name}", size, f"bare loop, {name}")
        for name in ("16×16×1", "8×8×1")
        for size in (2, 3)
    ]
