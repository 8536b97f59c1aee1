"""The checks of a generator's norms and pictures, measured once and kept between commands."""

import json
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ganinv_cli import cache
from ganinv_cli.generators.formats.complete import find_output_range
from ganinv_cli.generators.formats.interface import format_names
from ganinv_cli.generators.formats.picture_check import (
    SAMPLES,
    PictureFacts,
    describe_pictures,
    measure_pictures,
)
from ganinv_cli.generators.network.definition import Convention, Definition
from ganinv_cli.generators.network.graph import Network
from ganinv_cli.generators.network.layers import BatchNorm
from ganinv_cli.generators.network.norms.check import (
    UNCHECKED,
    Discrepancy,
    NormCheck,
    NormRow,
    compare_norms,
)

KIND, PICTURES_KIND = "norms", "pictures"  # folders of the cache
VERSION = 6  # of the measurement and of the sentences
NOTED_ELSEWHERE = ("prior", "range")  # conventions of every format, which have notes of their own


def check_definition(definition: Definition) -> Definition:
    """Return the definition with the check of its norms, and notes on its pictures.

    TensorFlow must have been started.
    """
    facts = _measure_pictures(definition)
    notes = describe_pictures(facts, definition.conventions)
    notes = tuple(dict.fromkeys((*definition.notes, *notes)))
    is_bounded = bool(find_output_range(definition.network)[0]) or not np.isfinite(facts.most)
    seen_range = None if is_bounded else (facts.least, facts.most)
    check = check_norms(definition)
    return replace(definition, norm_check=check, notes=notes, seen_range=seen_range)


def check_norms(definition: Definition) -> NormCheck:
    """Return the check of a generator's norms. TensorFlow must have been started."""
    network, check = definition.network, UNCHECKED
    if not isinstance(network, Network) or any(
        isinstance(node.layer, BatchNorm) for node in network.nodes
    ):
        inputs = VERSION, definition.sha256, definition.prior
        arrays = cache.measure_once(KIND, lambda: _measure_check(definition), *inputs)
        status, doubt, numbers = json.loads(arrays["json"].tobytes())
        rows = tuple(NormRow(name, Discrepancy(*each)) for name, *each in numbers)
        check = NormCheck(status, rows, doubt)
    return _doubt_assumptions(check, definition.conventions)


def _measure_check(definition: Definition) -> dict[str, np.ndarray]:
    from ganinv_cli.generators.network.norms.measure import prepare_norms
    from ganinv_cli.generators.network.operations.norms import prepare_visible_norms

    if isinstance(definition.network, Network):
        norms, measure = prepare_norms(definition.network, definition.prior)
    else:
        norms, measure = prepare_visible_norms(definition.network, definition.prior)
    check = UNCHECKED
    if norms:
        check = compare_norms(norms, measure, definition.prior.deviation)
    rows = [[row.name, *row.discrepancy] for row in check.rows]
    text = json.dumps([check.status, check.doubt, rows]).encode()
    return {"json": np.frombuffer(text, np.uint8)}


def _measure_pictures(definition: Definition) -> PictureFacts:
    from ganinv_cli.generators.network.make_generator import make_generator
    from ganinv_cli.generators.network.norms.measure import draw_z

    def measure() -> dict[str, np.ndarray]:
        generator = make_generator(definition)
        rows = min(SAMPLES, generator.max_rows)
        z = draw_z(definition.prior, rows, generator.latent).astype(np.float32)
        labels = np.arange(rows, dtype=np.int32) % max(1, generator.labels)
        return {"facts": np.array(measure_pictures(generator(z, labels=labels).numpy()))}

    inputs = len(PictureFacts._fields), definition.sha256, definition.prior
    return PictureFacts(*cache.measure_once(PICTURES_KIND, measure, *inputs)["facts"].tolist())


def _doubt_assumptions(check: NormCheck, conventions: Sequence[Convention]) -> NormCheck:
    rows = {row.name: row for row in conventions if not row.layer}
    labels = rows.get("labels")
    doubt, is_stated = check.doubt, not any(row.layer for row in conventions)
    if check.status == "unexplained" and is_stated:
        names = format_names([row.name for row in check.rows if not row.discrepancy.fits])
        doubt = f"its moving averages at {names} had not settled, as early in training"
    elif labels and labels.runner_up:
        count, *before = labels.runner_up.value.split(maxsplit=1)
        inputs = f"its {'first' if before else 'last'} {count} inputs have"
        inputs = "none of its inputs has" if count == "0" else inputs
        given = f", but --labels says {labels.value}" if labels.source == "given" else ""
        doubt = f"{inputs} the means of a one-hot label{given}"
    elif wrong := {row.name: row for row in reversed(conventions) if row.better_value}:
        better = " and ".join(
            f"{row.name} {row.better_value} at {row.layer} than the given {row.value}"
            for row in wrong.values()
        )
        names = " and ".join(f"--{name}" for name in wrong)
        doubt = f"it fits better with {better}; leave {names} out"
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
