"""What the starts of one image come to: the best and the most distant z, and J at the best."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.engine import memory
from ganinv_cli.engine.engine import Engine
from ganinv_cli.experiments.columns import Columns
from ganinv_cli.images import to_pixels
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.jacobian import compute_singular_values
from ganinv_cli.store import Run


class ImageStarts(NamedTuple):
    """What all starts of one image came to."""

    rows: Columns
    pixel_mask: np.ndarray | None  # (height, width, 1), which pixels count


def certify(run: Run, groups: Sequence[str], engine: Engine, pixel_mask: np.ndarray | None) -> None:
    """Commit a certificate of each group's trials, where there is none for all of them."""
    uncertified = [group for group in groups if not _has_certificate(run, group)]
    starts = (ImageStarts(run.read_group(group), pixel_mask) for group in uncertified)
    for group, certificate_columns in zip(
        uncertified, engine.map(make_certificate, starts), strict=True
    ):
        name = f"{group}/certificate"
        run.commit(
            {name: certificate_columns | {"trial": np.array([len(run.list_committed(name))])}}
        )


def _has_certificate(run: Run, group: str) -> bool:
    name = f"{group}/certificate"
    trials = len(run.list_committed(group))
    return len(run.list_committed(name)) > 0 and run.read_group(name)["recoveries"][-1] == trials


def make_certificate(generator: Generator, starts: ImageStarts) -> Columns:
    """Of the best trial and the one farthest from it, by polished z where there is one."""
    try:
        return _compute_certificate(generator, *starts)
    except tf.errors.ResourceExhaustedError as error:
        raise memory.make_out_of_memory_error() from error


def _compute_certificate(
    generator: Generator, rows: Columns, pixel_mask: np.ndarray | None
) -> Columns:
    z = rows.get("polished/z_found", rows["z_found"])
    loss = rows.get("polished/image_loss", rows["image_loss"])
    labels = rows.get("label", np.full(len(z), -1))
    best = int(np.argmin(np.nan_to_num(loss, nan=np.inf)))
    distance = np.linalg.norm(z.astype(np.float64) - z[best], axis=1) * (labels == labels[best])
    distant = int(np.argmax(np.nan_to_num(distance)))
    pair = [best, distant]
    if generator.batch_norm == "batch":  # an image depends on all that it was made with
        images = generator.render(z, len(z), labels=labels)[pair]
        values = np.full(generator.latent, np.nan)
    else:
        images = generator.render(z[pair], 2, labels=labels[pair])
        values = compute_singular_values(generator, z[best], int(labels[best]), pixel_mask)
    reconstruction, farther = to_pixels(images)
    return {
        "recoveries": np.array([len(z)]),
        "best": rows["trial"][[best]],
        "distant": rows["trial"][[distant]],
        "reconstruction": reconstruction[None],
        "distant_reconstruction": farther[None],
        "singular_values": values[None],
    }
