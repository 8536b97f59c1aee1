"""The check of a checkpoint, measured once and kept between commands."""

import numpy as np

from ganinv_cli import cache
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.graph import Network
from ganinv_cli.network.layers import BatchNorm
from ganinv_cli.network.norm_statistics import Discrepancy
from ganinv_cli.network.norms.check import (
    UNCHECKED,
    NormCheck,
    NormRow,
    Status,
    compare_norms,
    doubt_assumptions,
)

KIND = "norms"  # folder of the cache
VERSION = 2  # of the measurement and of the sentences
STATUSES: tuple[Status, ...] = ("confirmed", "contradicted", "unsettled", "unchecked")


def load_check(checkpoint: Checkpoint) -> NormCheck | None:
    """Return the check if it needs no measurement; None: call `measure_check`."""
    if isinstance(checkpoint.network, Network) and not any(
        isinstance(node.layer, BatchNorm) for node in checkpoint.network.nodes
    ):
        return doubt_assumptions(UNCHECKED, checkpoint.conventions)
    arrays = cache.load(KIND, _make_key(checkpoint))
    try:
        if arrays is None:
            return None
        return doubt_assumptions(_from_arrays(arrays), checkpoint.conventions)
    except (KeyError, ValueError, IndexError):  # damaged
        return None


def measure_check(checkpoint: Checkpoint) -> NormCheck:
    """Measure the check, and keep it. TensorFlow must have been started."""
    from ganinv_cli.network.norms.measure import find_stored_norms, make_measure

    network, prior = checkpoint.network, checkpoint.prior
    norms = find_stored_norms(network)
    check = UNCHECKED
    if norms.stored:
        measure = make_measure(network, prior, norms)
        check = compare_norms(norms.stored, measure, prior.deviation)
    cache.save(KIND, _make_key(checkpoint), _to_arrays(check))
    return doubt_assumptions(check, checkpoint.conventions)


def _make_key(checkpoint: Checkpoint) -> str:
    return cache.make_key(VERSION, checkpoint.sha256, checkpoint.prior)


def _to_arrays(check: NormCheck) -> dict[str, np.ndarray]:
    return {
        "status": np.array(STATUSES.index(check.status)),
        "doubt": np.array(check.doubt),
        "names": np.array([row.name for row in check.rows], np.str_),
        "discrepancies": np.array([row.discrepancy for row in check.rows]).reshape(-1, 2),
    }


def _from_arrays(arrays: dict[str, np.ndarray]) -> NormCheck:
    rows = zip(arrays["names"].tolist(), arrays["discrepancies"].tolist(), strict=True)
    return NormCheck(
        STATUSES[int(arrays["status"])],
        tuple(NormRow(name, Discrepancy(*numbers)) for name, numbers in rows),
        str(arrays["doubt"]),
    )
