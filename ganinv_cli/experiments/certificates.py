"""What the starts of one image come to: the best and the most distant z, and J at the best."""

import numpy as np

from ganinv_cli.experiments.columns import Columns
from ganinv_cli.generator import Generator
from ganinv_cli.jacobian import singular_values
from ganinv_cli.pictures import to_pixels
from ganinv_cli.store import Run


def certify(run: Run, group: str, generator: Generator, counted: np.ndarray | None) -> None:
    """Commit a certificate of a group's trials, where there is none for all of them."""
    name = f"{group}/certificate"
    earlier, trials = run.finished(name), run.finished(group)
    if len(earlier) and run.rows(name)["recoveries"][-1] == len(trials):
        return
    made = _made(run.rows(group), generator, counted)
    run.commit({name: made | {"trial": np.array([len(earlier)])}})


def _made(rows: Columns, generator: Generator, counted: np.ndarray | None) -> Columns:
    """The best trial and the one farthest from it, by polished z where there is one."""
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
        values = singular_values(generator, z[best], counted, int(labels[best]))
    reconstruction, farther = to_pixels(images)
    return {
        "recoveries": np.array([len(z)]),
        "best": rows["trial"][[best]],
        "distant": rows["trial"][[distant]],
        "reconstruction": reconstruction[None],
        "distant_reconstruction": farther[None],
        "singular_values": values[None],
    }
