"""What a run costs beside its computations is measured to the end, whatever the size."""

import json

import pytest
from click.testing import CliRunner

from benchmarks.bookkeeping import main


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ("rows", "--rows", "300", "--block", "200"),
        ("pictures", "3", "--report"),
        ("shard", "--trials", "1000", "--shards", "10", "--rows", "4"),
    ],
    ids=lambda arguments: arguments[0],
)
def test_a_small_measurement_has_a_number_in_each_column(arguments, tmp_path):
    out = tmp_path / "out.json"
    result = CliRunner().invoke(main, [*arguments, "--out", str(out)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    (row,) = json.loads(out.read_text(encoding="utf-8"))["rows"]
    assert len(row) > 5 and all(value >= 0 for value in row.values())
