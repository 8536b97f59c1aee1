"""The variables of a SavedModel: their keys in the checkpoint beside it, and their values.

A graph of TensorFlow 1 names its variables. A graph of TensorFlow 2 passes them to its functions;
the saved tree of Python objects gives their keys in the checkpoint.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.tensorflow.tensors import CheckpointTensors
from ganinv_cli.network.replay import CALLS

FOLDER = "variables"
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


class Variables:
    """The checkpoint beside a graph, opened when the first variable is read."""

    def __init__(self, folder: Path) -> None:
        self._prefix = folder / FOLDER / "variables"
        self._values: dict[str, np.ndarray] = {}
        self._tensors: CheckpointTensors | None = None

    def __call__(self, key: str) -> np.ndarray:
        """Return the values of a variable. Raises UnreadableError."""
        if key not in self._values:
            tensors = self._open()
            if key not in tensors.shapes:
                raise UnreadableError(
                    f"needs the variable {key!r}, which is not in {self._prefix}; "
                    "copy the whole SavedModel again"
                )
            self._values[key] = tensors.read_array(key)
        return self._values[key]

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Shapes of all variables in the checkpoint, by key. Raises UnreadableError."""
        return self._open().shapes

    @property
    def unused(self) -> tuple[str, ...]:
        """The keys that were never read."""
        if self._tensors is None:
            return ()
        return tuple(sorted(self.shapes.keys() - self._values.keys() - {OBJECT_GRAPH}))

    def _open(self) -> CheckpointTensors:
        if self._tensors is None:
            index = self._prefix.with_name("variables.index")
            try:
                index.open("rb").close()
            except OSError as error:
                raise UnreadableError(
                    f"needs {FOLDER}/{index.name} beside its graph, which cannot be read "
                    f"({error.strerror}); copy the whole SavedModel again"
                ) from None
            self._tensors = CheckpointTensors(self._prefix)
        return self._tensors


def name_variables(graph: Any, objects: Any, variables: Variables) -> None:
    """Write the keys in the checkpoint into the nodes of a GraphDef that stand for variables.

    `objects` is the SavedObjectGraph: it lists the captured inputs of each function.
    Raises UnreadableError.
    """
    if not objects.nodes:
        return
    keys = _list_keys(objects)
    nodes = {node.name: node for node in graph.node}
    for node in graph.node:
        name = node.attr["f"].func.name if node.op in CALLS else ""
        if name not in objects.concrete_functions:
            continue
        bound = list(objects.concrete_functions[name].bound_inputs)
        given = [each for each in node.input if not each.startswith("^")]
        for place, number in zip(given[len(given) - len(bound) :], bound, strict=True):
            handle = nodes.get(place.split(":")[0])
            if number in keys and handle is not None and handle.op == "VarHandleOp":
                stored = [each for each in keys[number] if each in variables.shapes]
                handle.attr["shared_name"].s = (stored or keys[number])[0].encode()


def _list_keys(objects: Any) -> dict[int, list[str]]:
    """Return the possible keys of each variable in the checkpoint, shortest first."""
    paths: dict[int, str] = {0: ""}
    keys: dict[int, list[str]] = {}
    ahead = [0]
    for parent in ahead:  # which grows: the nearest objects first
        for child in objects.nodes[parent].children:
            number = child.node_id
            name = child.local_name.replace(".", "..").replace("/", ".S")
            path = f"{paths[parent]}/{name}".lstrip("/")
            if objects.nodes[number].WhichOneof("kind") == "variable":
                keys.setdefault(number, []).append(path + VALUE)
            if number not in paths:
                paths[number] = path
                ahead.append(number)
    return keys
