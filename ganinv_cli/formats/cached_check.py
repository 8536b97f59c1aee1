"""The check of a checkpoint, measured once and kept between commands."""

import json

import numpy as np

from ganinv_cli import cache
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.graph import Network
from ganinv_cli.network.layers import BatchNorm
from ganinv_cli.network.norms.check import (
    UNCHECKED,
    Discrepancy,
    NormCheck,
    NormRow,
    compare_norms,
    doubt_assumptions,
)

KIND = "norms"  # folder of the cache
VERSION = 3  # of the measurement and of the sentences


def load_check(checkpoint: Checkpoint) -> NormCheck | None:
    """Return the check if it needs no measurement; None: call `measure_check`."""
    if isinstance(checkpoint.network, Network) and not any(
        isinstance(node.layer, BatchNorm) for node in checkpoint.network.nodes
    ):
        return doubt_assumptions(UNCHECKED, checkpoint.conventions)
    arrays = cache.load(KIND, *_list_inputs(checkpoint))
    if arrays is None:
        return None
    status, doubt, numbers = json.loads(arrays["json"].tobytes())
    rows = tuple(NormRow(name, Discrepancy(*each)) for name, *each in numbers)
    return doubt_assumptions(NormCheck(status, rows, doubt), checkpoint.conventions)


def measure_check(checkpoint: Checkpoint) -> NormCheck:
    """Measure the check, and keep it. TensorFlow must have been started."""
    from ganinv_cli.network.norms.measure import prepare_norms

    norms, measure = prepare_norms(checkpoint.network, checkpoint.prior)
    check = UNCHECKED
    if norms:
        check = compare_norms(norms, measure, checkpoint.prior.deviation)
    rows = [[row.name, *row.discrepancy] for row in check.rows]
    text = json.dumps([check.status, check.doubt, rows]).encode()
    cache.save(KIND, {"json": np.frombuffer(text, np.uint8)}, *_list_inputs(checkpoint))
    return doubt_assumptions(check, checkpoint.conventions)


def _list_inputs(checkpoint: Checkpoint) -> tuple[object, ...]:
    return VERSION, checkpoint.sha256, checkpoint.prior
