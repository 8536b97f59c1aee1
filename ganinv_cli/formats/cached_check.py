"""The check of a checkpoint, measured once and kept between commands."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ganinv_cli import cache
from ganinv_cli.formats.interface import format_names
from ganinv_cli.formats.weights.step import ROUND_PRIORS
from ganinv_cli.network.checkpoint import Checkpoint, Convention
from ganinv_cli.network.graph import Network
from ganinv_cli.network.layers import BatchNorm
from ganinv_cli.network.norms.check import (
    UNCHECKED,
    Discrepancy,
    NormCheck,
    NormRow,
    compare_norms,
)

KIND = "norms"  # folder of the cache
VERSION = 5  # of the measurement and of the sentences
NOTED_ELSEWHERE = ("prior", "range")  # conventions of every format, which have notes of their own


def load_check(checkpoint: Checkpoint) -> NormCheck | None:
    """Return the check if it needs no measurement; None: call `measure_check`."""
    if isinstance(checkpoint.network, Network) and not any(
        isinstance(node.layer, BatchNorm) for node in checkpoint.network.nodes
    ):
        return _doubt_assumptions(UNCHECKED, checkpoint.conventions)
    arrays = cache.load_arrays(KIND, *_list_inputs(checkpoint))
    if arrays is None:
        return None
    status, doubt, numbers = json.loads(arrays["json"].tobytes())
    rows = tuple(NormRow(name, Discrepancy(*each)) for name, *each in numbers)
    return _doubt_assumptions(NormCheck(status, rows, doubt), checkpoint.conventions)


def measure_check(checkpoint: Checkpoint) -> NormCheck:
    """Measure the check, and keep it. TensorFlow must have been started."""
    from ganinv_cli.network.norms.measure import prepare_norms

    norms, measure = prepare_norms(checkpoint.network, checkpoint.prior)
    check = UNCHECKED
    if norms:
        check = compare_norms(norms, measure, checkpoint.prior.deviation)
    rows = [[row.name, *row.discrepancy] for row in check.rows]
    text = json.dumps([check.status, check.doubt, rows]).encode()
    cache.save_arrays(KIND, {"json": np.frombuffer(text, np.uint8)}, *_list_inputs(checkpoint))
    return _doubt_assumptions(check, checkpoint.conventions)


def _list_inputs(checkpoint: Checkpoint) -> tuple[object, ...]:
    return VERSION, checkpoint.sha256, checkpoint.prior


def _doubt_assumptions(check: NormCheck, conventions: Sequence[Convention]) -> NormCheck:
    rows = {row.name: row for row in conventions if not row.layer}
    labels, prior = rows.get("labels"), rows.get("prior")
    doubt, is_stated = check.doubt, not any(row.layer for row in conventions)
    is_fitted = prior and prior.source == "assumed" and prior.discrepancy is not None
    if check.status == "unexplained" and is_stated:
        names = format_names([row.name for row in check.rows if not row.discrepancy.fits])
        doubt = f"its moving averages at {names} had not settled, as early in training"
    elif labels and labels.runner_up:
        doubt = f"the means of {labels.runner_up.value} of its inputs are those of a one-hot label"
    elif prior and is_fitted and prior.value not in ROUND_PRIORS:
        doubt = f"no usual prior fits its first norm, and {prior.value} is a guess"
    if doubt != check.doubt and check.is_confirmed is not None:
        return replace(check, status="contradicted", doubt=doubt)
    assumed = dict.fromkeys(each.name for each in conventions if each.source == "assumed")
    doubtful = [name for name in assumed if name not in NOTED_ELSEWHERE]
    if check.status != "unchecked" or not doubtful:
        return check
    return replace(
        check,
        doubt="it has no batch norms that could confirm what is assumed about its layers "
        f"({', '.join(doubtful)})",
    )
