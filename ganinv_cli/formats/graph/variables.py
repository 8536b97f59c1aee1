"""The variables of a SavedModel: which of the checkpoint beside it a graph means, and their values.

A graph of TensorFlow 1 means them by their names. One of TensorFlow 2 hands them to its functions,
and the tree of Python objects that it was saved with says where in the checkpoint they are.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ganinv_cli.formats.graph.tensors import Budget
from ganinv_cli.formats.graph.walk import CALLS
from ganinv_cli.formats.interface import UnreadableError

FOLDER = "variables"
VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
MAX_OBJECTS = 200_000


class Variables:
    """The checkpoint beside a graph, opened when the first variable is asked for."""

    def __init__(self, folder: Path, budget: Budget) -> None:
        self._prefix = folder / FOLDER / "variables"
        self._budget = budget
        self._read: dict[str, np.ndarray] = {}
        self._tensors: Any = None

    def __call__(self, key: str) -> np.ndarray:
        """The values of a variable. Raises UnreadableError."""
        if key not in self._read:
            shapes = self.shapes
            if key not in shapes:
                raise UnreadableError(
                    f"needs the variable {key!r}, which is not in {self._prefix}; "
                    "copy the whole SavedModel again"
                )
            self._budget.spend(shapes[key])
            self._read[key] = self._tensors[key]
        return self._read[key]

    @property
    def shapes(self) -> Mapping[str, tuple[int, ...]]:
        """Of all variables in the checkpoint, by key. Raises UnreadableError."""
        if self._tensors is None:
            from ganinv_cli.formats.tensorflow import index as tf_index
            from ganinv_cli.formats.tensorflow.tensors import CheckpointTensors

            index = self._prefix.with_name("variables.index")
            try:
                tf_index.check_index(index)
            except OSError as error:
                raise UnreadableError(
                    f"needs {FOLDER}/{index.name} beside its graph, which cannot be read "
                    f"({error.strerror}); copy the whole SavedModel again"
                ) from None
            self._tensors = CheckpointTensors(self._prefix)
        found: Mapping[str, tuple[int, ...]] = self._tensors.shapes
        return found

    @property
    def unused(self) -> tuple[str, ...]:
        """The keys that nobody asked for."""
        if self._tensors is None:
            return ()
        return tuple(sorted(set(self.shapes) - set(self._read) - {OBJECT_GRAPH}))


def handles(graph: Any, objects: Any, variables: Variables) -> dict[str, str]:
    """What the nodes of a GraphDef that stand for variables are called in the checkpoint.

    `objects` is the SavedObjectGraph: it says what each function was given when it was saved.
    Raises UnreadableError.
    """
    found: dict[str, str] = {}
    if not objects.nodes:
        return found
    keys = _keys(objects)
    for node in graph.node:
        name = node.attr["f"].func.name if node.op in CALLS else ""
        if name not in objects.concrete_functions:
            continue
        bound = list(objects.concrete_functions[name].bound_inputs)
        given = [each for each in node.input if not each.startswith("^")]
        if len(bound) > len(given):
            raise UnreadableError(f"{node.name} has too few inputs; the file is damaged")
        for place, number in zip(given[len(given) - len(bound) :], bound, strict=True):
            if number in keys:
                candidates = keys[number]
                there = [each for each in candidates if each in variables.shapes]
                found[place.split(":")[0]] = (there or candidates)[0]
    return found


def _keys(objects: Any) -> dict[int, list[str]]:
    """Of each variable among the objects: where it may be in the checkpoint, shortest way first."""
    paths: dict[int, str] = {0: ""}
    keys: dict[int, list[str]] = {}
    ahead, edges = [0], 0
    for parent in ahead:  # grows as it goes: the nearest objects first
        for child in objects.nodes[parent].children:
            edges += 1
            number = child.node_id
            if not 0 <= number < len(objects.nodes) or edges > MAX_OBJECTS:
                raise UnreadableError("holds a damaged tree of objects; copy it again")
            name = child.local_name.replace(".", "..").replace("/", ".S")
            path = f"{paths[parent]}/{name}".lstrip("/")
            if objects.nodes[number].WhichOneof("kind") == "variable":
                keys.setdefault(number, []).append(path + VALUE)
            if number not in paths and len(path) < 1_000:
                paths[number] = path
                ahead.append(number)
    return keys
