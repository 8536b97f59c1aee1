"""Results of `ganinv recover` with known counts."""

import numpy as np

from ganinv_cli.outcome import Outcome
from ganinv_cli.results.store import Results

GRADIENTS = np.array([0.0, 1, 10, 100])


def make_rule_group(z, image_loss, trials=None, outcome=Outcome.converged, z_error=None):
    """The columns of one rule; its first starts ended where the restarts did."""
    count = len(z)
    ends = {
        "z_found": np.asarray(z, np.float32),
        "image_loss": np.broadcast_to(np.asarray(image_loss, np.float64), count).copy(),
        "outcome": np.broadcast_to(np.asarray(outcome, np.uint8), count).copy(),
        "gradients": np.full(count, 100.0),
        "redraws": np.zeros(count, np.int32),
        "acted": np.ones(count, np.uint8),
        "actions": np.full(count, 5, np.int32),
        "seconds": np.full(count, 0.25),
    }
    if z_error is not None:
        ends["z_error"] = np.asarray(z_error, np.float64)
    return {
        "trial": np.arange(count) if trials is None else np.asarray(trials),
        "z_start": np.zeros((count, len(z[0])), np.float32),
        "restarts": np.zeros(count, np.int32),
        "shared": np.zeros(count, np.uint8),
        **ends,
        **{f"first/{name}": values.copy() for name, values in ends.items()},
        "first/at_bound": np.zeros(count, np.int32),
    }


def make_group(trials, failed, elsewhere=0):
    """One rule: the last trials fail at first, and all but `elsewhere` of them recover later."""
    count = len(trials)
    first = np.full(count, 1e-6)
    first[count - failed :] = 0.05
    error = np.where(np.arange(count) < count - elsewhere, 1e-6, 0.05)
    outcome = np.where(first < 1e-4, Outcome.converged, Outcome.stalled).astype(np.uint8)
    curve = np.tile(np.float32([1, 0.1, 1e-3, np.nan]), (count, 1))
    columns = make_rule_group(np.tile(np.sqrt(error)[:, None], 4), 0.0, trials, z_error=error)
    return columns | {
        "z_error_least": np.minimum(error, first),
        "restarts": (first >= 1e-4).astype(np.int32),
        "curve_loss": curve,
        "curve_error": curve,
        "first/z_found": np.tile(np.sqrt(first)[:, None], 4).astype(np.float32),
        "first/z_error": first,
        "first/outcome": outcome,
        "first/gradients": np.full(count, 80.0),
        "first/seconds": np.full(count, 0.2),
        "first/at_bound": np.where(first < 1e-4, 0, 3).astype(np.int32),
    }


def make_results(groups=None, complete=True, **config):
    trials = np.arange(50)
    groups = groups or {"none": make_group(trials, 8, 2), "stochastic": make_group(trials, 1)}
    groups = {"": {"trial": trials, "z_true": np.zeros((50, 4))}} | groups
    constants = {"curve_gradients": GRADIENTS}
    config = {"trials": 50} | config
    return combine_groups("recover", groups, config, complete, constants=constants)


def combine_groups(command, groups, config, complete=True, figures=None, constants=None):
    """Results of a command, with the same attributes for all."""
    return Results(
        attributes={
            "schema": 1,
            "command": command,
            "config": {"solver": "lbfgs", "checkpoint": "portraits64"} | config,
            "identity": {},
            "checkpoint_sha256": "ab" * 32,
            "versions": {},
            "device": "CPU",
            "seed": 7,
            "started": "2026-01-01T10:00:00+00:00",
            "finished": "2026-01-01T10:05:00+00:00" if complete else "",
            "git": "",
        },
        groups=groups,
        constants=constants or {},
        figures=figures or {},
        complete=complete,
    )
