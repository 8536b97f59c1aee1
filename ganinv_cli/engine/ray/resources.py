"""What a worker of a cluster asks for, and how many of them there is room for."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ganinv_cli.errors import UsageError

Node = Mapping[str, Any]  # as ray.nodes() tells of it


class Share(NamedTuple):
    """What one worker gets."""

    cpus: int
    gpus: float


def share(nodes: Sequence[Node], device: str, cpus: int, gpus: float) -> Share:
    """What is asked for; `gpus` -1 is one where the cluster has any, on the device that is wanted.

    Raises UsageError where no node of the cluster has as much.
    """
    if device not in ("auto", "cpu", "gpu"):
        raise UsageError(
            f"--device {device}: with --engine ray it is auto, cpu or gpu; Ray says which GPU"
        )
    there = _total(nodes, "GPU")
    if device == "cpu":
        if gpus > 0:
            raise UsageError(f"--device cpu leaves no use for --gpus-per-worker {gpus:g}")
        gpus = 0
    if gpus < 0:
        gpus = 1 if there or device == "gpu" else 0
    if device == "gpu" and not gpus:
        raise UsageError("--device gpu with --gpus-per-worker 0 leaves a worker none")
    asked = Share(cpus, gpus)
    if gpus > there:
        raise UsageError(f"a worker asks for {_words(asked)}, and {_cluster(nodes)}")
    if gpus > 1:
        raise UsageError(f"--gpus-per-worker {gpus:g}: a worker computes on one GPU, or a share")
    if not room(nodes, asked):
        raise UsageError(
            f"a worker asks for {_words(asked)}, and no node has as much: {_cluster(nodes)}"
        )
    return asked


def room(nodes: Sequence[Node], asked: Share) -> int:
    """How many workers fit on the nodes that are alive, were these idle."""
    return sum(_fitting(node["Resources"], asked) for node in nodes if node["Alive"])


def _fitting(has: Mapping[str, float], asked: Share) -> int:
    fitting = int(has.get("CPU", 0) // asked.cpus)
    if not asked.gpus:
        return fitting
    gpus = has.get("GPU", 0)
    return min(fitting, int(gpus) * int(1 / asked.gpus + 1e-9))  # a share is of one GPU


def _total(nodes: Sequence[Node], kind: str) -> float:
    return sum(float(node["Resources"].get(kind, 0)) for node in nodes if node["Alive"])


def _cluster(nodes: Sequence[Node]) -> str:
    alive = sum(1 for node in nodes if node["Alive"])
    has = Share(int(_total(nodes, "CPU")), _total(nodes, "GPU"))
    return f"the cluster has {_words(has)} on {alive} node{'s' if alive != 1 else ''}"


def _words(amount: Share) -> str:
    gpus = f"{amount.gpus:g} GPU{'s' if amount.gpus != 1 else ''}" if amount.gpus else "no GPU"
    return f"{amount.cpus} CPU{'s' if amount.cpus != 1 else ''} and {gpus}"
