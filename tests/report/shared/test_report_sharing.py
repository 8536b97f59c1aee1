"""Costs that arise once per run are divided equally among its trials in every report."""

import numpy as np
import pytest
from known_results import make_results
from known_sweep import make_image_groups, make_image_results, make_noise_sweep

from ganinv_cli.report import summarize

SPENT = 3000.0
# of each command: results, the table that counts gradients, and the trials of one of its rows
KNOWN = {
    "recover": (make_results, "table1", 1),
    "noise-sweep": (make_noise_sweep, "noise_sweep", 1),
    "consistency": (lambda: _make_images("consistency"), "table2", 1),
    "invert": (lambda: _make_images("invert"), "invert", 12),
}


def _make_images(command):
    groups = make_image_groups(minima=(12,)) | make_image_groups(minima=(12,), technique="none")
    return make_image_results(command, one=groups, other=groups)


@pytest.mark.parametrize("command", KNOWN)
def test_every_trial_of_the_file_has_the_same_share_of_what_was_spent_once(command):
    make, table, counted = KNOWN[command]
    alone = summarize(make(), "x").tables[table]
    results = make()
    results.constants["shared_gradients"] = np.array(SPENT)
    trials = sum(len(group["trial"]) for group in results.groups.values() if "seconds" in group)
    rows = summarize(results, "x").tables[table]
    assert len(rows) > 1
    for row, before in zip(rows, alone, strict=True):
        assert before["gradients_shared"] == 0
        assert row["gradients_shared"] == SPENT / trials
        assert row["gradients"] - before["gradients"] == pytest.approx(counted * SPENT / trials)
