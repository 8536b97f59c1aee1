"""The shards of a run, each in its own file, together equal the whole run."""

import numpy as np
import pytest
from called import make_image, run_ganinv, save_image

from ganinv_cli.outcome import Outcome
from ganinv_cli.store import read_results

RULES = ("none", "stochastic")


@pytest.mark.slow
def test_four_shards_merged_are_the_run(hard, tmp_path):
    given = ("recover", "--checkpoint", hard.folder, "--device", "cpu")
    given += ("--clip", ",".join(RULES), "--trials", 26)
    run_ganinv(tmp_path, *given, "--out", "whole.h5")
    for number in (3, 1, 4, 2):
        run_ganinv(tmp_path, *given, "--shard", f"{number}/4")
    parts = [f"recover-{number}-of-4.h5" for number in (2, 4, 1, 3)]
    said = run_ganinv(tmp_path, "merge", "all.h5", *parts)
    assert "26 trials of 2 rules from 4 files" in said.stderr
    whole, merged = (read_results(tmp_path / name) for name in ("whole.h5", "all.h5"))
    assert merged.complete
    for rule in RULES:
        one, other = whole.groups[rule], merged.groups[rule]
        assert other["trial"].tolist() == list(range(26))
        assert (one["z_start"] == other["z_start"]).all()
        assert (one["outcome"] == other["outcome"]).all()
        converged = one["outcome"] == Outcome.converged
        assert np.abs(one["z_found"] - other["z_found"])[converged].max() < 1e-3
    for name, figure in whole.figures.items():
        assert merged.figures[name].trials == figure.trials
    before = (tmp_path / "all.h5").stat().st_mtime_ns
    assert run_ganinv(tmp_path, *given, "--out", "all.h5").stdout == said.stdout
    assert (tmp_path / "all.h5").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("command", "what"),
    [
        (("recover", "--trials", 8), "the 8 trials, which are dealt 8 at a time"),
        (("noise-sweep", "--trials", 8), "the 8 trials, which are dealt 8 at a time"),
        (("invert", "a.png", "--trials", 3), "the 1 images"),
    ],
)
def test_a_shard_that_has_nothing_is_nothing_to_do(hard, tmp_path, command, what):
    save_image(tmp_path / "a.png", make_image(hard.generator, 0))
    result = run_ganinv(tmp_path, *command, "--checkpoint", hard.folder, "--shard", "2/2")
    assert result.stderr.splitlines()[-1] == f"nothing to do: shard 2/2 has none of {what}"
    assert result.stdout == ""
    assert not list(tmp_path.glob("*.h5"))
