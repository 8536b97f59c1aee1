"""`make bench-gpu` measures what is in its table, as far as this can be tested without a GPU."""

import importlib
import json
from pathlib import Path
from types import ModuleType

import builders
import pytest
from click.testing import CliRunner

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    module = importlib.import_module("gpu")
    monkeypatch.setattr(module, "SECONDS", 1e-3)
    return module


@pytest.mark.slow
def test_every_row_of_the_table_is_measured(gpu: ModuleType, tmp_path: Path) -> None:
    builders.make_hard_checkpoint(tmp_path / "hard")
    given = ["--checkpoint", str(tmp_path / "hard"), "--device", "cpu", "--trials", "4"]
    out = tmp_path / "gpu.json"
    result = CliRunner().invoke(gpu.main, [*given, "--batches", "2,4", "--no-xla", "--out", out])
    assert result.exit_code == 0, result.output
    rows = json.loads(out.read_text())["rows"]
    assert [(row["what"], row["batch"]) for row in rows] == [
        ("bare loop, float32", 2),
        ("bare loop, float32", 4),
        ("bare loop, bfloat16", 2),
        ("bare loop, bfloat16", 4),
        ("recover --precision float32", 4),
        ("recover --precision mixed", 4),
    ]
    assert all(row["gradients per second"] > 0 for row in rows)
    assert out.with_suffix(".md").read_text().startswith("### On a GPU\n")


def test_without_a_gpu_it_says_so(gpu: ModuleType) -> None:
    result = CliRunner().invoke(gpu.main, [])
    assert result.exit_code == 1
    assert "TensorFlow sees no GPU here" in result.output
