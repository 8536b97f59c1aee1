"""Certificates: the best z found for an image, the z farthest from it, and J at the best."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganinv_cli.engine.engine import Counts, Engine, WorkerResult, WorkerResults
from ganinv_cli.errors import OutOfMemoryError
from ganinv_cli.experiments.columns import Columns
from ganinv_cli.images import to_pixels
from ganinv_cli.jobs import Job, JobSource
from ganinv_cli.network.generator import Generator
from ganinv_cli.network.jacobian import compute_singular_values
from ganinv_cli.settings.names import image_group
from ganinv_cli.store import Run


class CertificateInput(NamedTuple):
    """The data for the certificate of one image and rule."""

    columns: Columns  # of the certificate, known without the generator
    z: np.ndarray  # (rows, latent)
    labels: np.ndarray  # (rows,), -1: none
    pair: Sequence[int]  # rows of the best z and of the one farthest from it


@dataclass(frozen=True, eq=False)
class CertificateTask:
    """A task that makes certificates: a job per image and rule, `Job.trial` its number."""

    inputs: Mapping[Job, CertificateInput]
    mask: np.ndarray | None  # (height, width, 1), which pixels count

    def run(self, generator: Generator, jobs: JobSource) -> WorkerResults:
        """Make the certificates of the jobs, one at a time."""
        while not jobs.is_exhausted():
            taken = jobs.take(1)
            rows = {_certificate_group(job): self._make_columns(generator, job) for job in taken}
            yield WorkerResult(Counts(), taken, rows, len(taken))

    def _make_columns(self, generator: Generator, job: Job) -> Columns:
        columns, z, labels, pair = self.inputs[job]
        try:
            images = generator.render(z, len(z), labels=labels)[pair]
            best = pair[0]
            values = (
                np.full(generator.latent, np.nan)
                if generator.batch_norm == "batch"  # an image depends on all z of its batch
                else compute_singular_values(generator, z[best], int(labels[best]), self.mask)
            )
        except tf.errors.ResourceExhaustedError as error:
            raise OutOfMemoryError() from error
        reconstruction, farther = to_pixels(images)
        return columns | {
            "reconstruction": reconstruction[None],
            "distant_reconstruction": farther[None],
            "singular_values": values[None],
        }


def certify(
    run: Run, images: Iterable[tuple[int, str]], engine: Engine, pixel_mask: np.ndarray | None
) -> None:
    """Commit a certificate for each image and rule without a certificate of all its trials."""
    inputs: dict[Job, CertificateInput] = {}
    for number, rule in images:
        name = _certificate_group(Job(0, rule, number))
        certificates, starts = len(run.list_committed(name)), image_group(number, rule)
        trials = len(run.list_committed(starts))
        if not certificates or run.read_group(name)["recoveries"][-1] != trials:
            inputs[Job(certificates, rule, number)] = _select_pair(
                run.read_group(starts), certificates, engine.generator.batch_norm == "batch"
            )
    if not inputs:
        return
    with closing(engine.run(CertificateTask(inputs, pixel_mask), list(inputs))) as results:
        for result in results:
            if result.rows:
                run.commit(result.rows)


def _certificate_group(job: Job) -> str:
    return f"{image_group(job.case, job.rule)}/certificate"


def _select_pair(rows: Columns, certificate: int, coupled: bool) -> CertificateInput:
    """Select the best trial and the one farthest from it, by refined z if there is one."""
    z = rows.get("polished/z_found", rows["z_found"])
    loss = rows.get("polished/image_loss", rows["image_loss"])
    labels = rows.get("label", np.full(len(z), -1))
    best = int(np.argmin(np.nan_to_num(loss, nan=np.inf)))
    distance = np.linalg.norm(z.astype(np.float64) - z[best], axis=1) * (labels == labels[best])
    distant = int(np.argmax(np.nan_to_num(distance)))
    columns = {
        "recoveries": np.array([len(z)]),
        "best": rows["trial"][[best]],
        "distant": rows["trial"][[distant]],
        "trial": np.array([certificate]),
    }
    if coupled:  # an image depends on all z of its batch
        return CertificateInput(columns, z, labels, [best, distant])
    return CertificateInput(columns, z[[best, distant]], labels[[best, distant]], [0, 1])
