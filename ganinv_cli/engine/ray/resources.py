"""The resources of a Ray worker, and how many workers fit on a cluster."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ganinv_cli.errors import UsageError

Node = Mapping[str, Any]  # an entry of ray.nodes()


class WorkerResources(NamedTuple):
    """The CPUs and GPUs of one worker."""

    cpus: int
    gpus: float


def choose_worker_resources(
    nodes: Sequence[Node], device: str, cpus: int, gpus: float
) -> WorkerResources:
    """Return what each worker gets; `gpus` -1: one if `device` allows and the cluster has any.

    Raises UsageError if no node of the cluster has as much.
    """
    if device not in ("auto", "cpu", "gpu"):
        raise UsageError(
            f"--device {device}: with --engine ray it is auto, cpu or gpu; Ray says which GPU"
        )
    total_gpus = _sum_resource(nodes, "GPU")
    if device == "cpu":
        if gpus > 0:
            raise UsageError(f"--device cpu leaves no use for --gpus-per-worker {gpus:g}")
        gpus = 0
    if gpus < 0:
        gpus = 1 if total_gpus or device == "gpu" else 0
    if device == "gpu" and not gpus:
        raise UsageError("--device gpu with --gpus-per-worker 0 leaves a worker none")
    resources = WorkerResources(cpus, gpus)
    if gpus > total_gpus:
        raise UsageError(
            f"a worker needs {_describe_resources(resources)}, and {_describe_cluster(nodes)}"
        )
    if gpus > 1:
        raise UsageError(f"--gpus-per-worker {gpus:g}: a worker computes on one GPU, or a share")
    if not count_workers_that_fit(nodes, resources):
        raise UsageError(
            f"a worker needs {_describe_resources(resources)}, and no node has as much: "
            f"{_describe_cluster(nodes)}"
        )
    return resources


def count_workers_that_fit(nodes: Sequence[Node], resources: WorkerResources) -> int:
    """Return how many workers fit on the nodes that are alive, if these are idle."""
    return sum(_count_on_node(node["Resources"], resources) for node in nodes if node["Alive"])


def _count_on_node(available: Mapping[str, float], resources: WorkerResources) -> int:
    count = int(available.get("CPU", 0) // resources.cpus)
    if not resources.gpus:
        return count
    gpus = available.get("GPU", 0)
    return min(count, int(gpus) * int(1 / resources.gpus + 1e-9))  # a fraction is of one GPU


def _sum_resource(nodes: Sequence[Node], kind: str) -> float:
    return sum(float(node["Resources"].get(kind, 0)) for node in nodes if node["Alive"])


def _describe_cluster(nodes: Sequence[Node]) -> str:
    alive = sum(1 for node in nodes if node["Alive"])
    total = WorkerResources(int(_sum_resource(nodes, "CPU")), _sum_resource(nodes, "GPU"))
    return (
        f"the cluster has {_describe_resources(total)} on {alive} node{'s' if alive != 1 else ''}"
    )


def _describe_resources(amount: WorkerResources) -> str:
    gpus = f"{amount.gpus:g} GPU{'s' if amount.gpus != 1 else ''}" if amount.gpus else "no GPU"
    return f"{amount.cpus} CPU{'s' if amount.cpus != 1 else ''} and {gpus}"
