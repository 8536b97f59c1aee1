"""Where the weights of each layer of a model lie in its HDF5 file."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

import numpy as np

from ganinv_cli.formats.keras.config import Described, Model, Place
from ganinv_cli.formats.keras.hdf5 import Array, Group, Shape
from ganinv_cli.formats.limits import MOST_WEIGHTS
from ganinv_cli.formats.reading import UnreadableError
from ganinv_cli.network.shapes import shown

ROOTS = "layers", "_layer_checkpoint_dependencies"  # the second in Keras 2.12

# The weights of each kind of layer in the order of the file, those that are trained first, and
# the setting without which there is none.
_KERNEL = (("kernel", ""), ("bias", "use_bias"))
_NORM = (("gamma", "scale"), ("beta", "center"))
VARIABLES: dict[str, tuple[tuple[str, str], ...]] = {
    "Dense": _KERNEL,
    "Conv2D": _KERNEL,
    "Conv2DTranspose": _KERNEL,
    "DepthwiseConv2D": _KERNEL,
    "SeparableConv2D": (("depthwise_kernel", ""), ("pointwise_kernel", ""), ("bias", "use_bias")),
    "BatchNormalization": (*_NORM, ("moving_mean", ""), ("moving_variance", "")),
    "LayerNormalization": _NORM,
    "GroupNormalization": _NORM,
    "Embedding": (("embeddings", ""),),
    "PReLU": (("alpha", ""),),
}
STATISTICS = {"moving_mean", "moving_variance", "vector_u"}  # what is never trained
SAME = {"depthwise_kernel": "kernel"}  # of DepthwiseConv2D in Keras 2


def variables(layer: Described) -> tuple[str, ...]:
    """The names of a layer's weights, in the order of the file."""
    flag = layer.settings.flag
    return tuple(
        name for name, need in VARIABLES.get(layer.kind, ()) if not need or flag(need, True)
    )


class Finder(Protocol):
    """A layout of weights."""

    def found(self, layer: Described) -> list[Array]:
        """Those of a layer. Raises UnreadableError."""


class Weights:
    """The weights of layers, each read once and where its shape is what it must be."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._read: dict[Place, dict[str, np.ndarray]] = {}
        self._total = 0

    def of(self, layer: Described, shapes: Mapping[str, Shape]) -> dict[str, np.ndarray]:
        """By name, those that the layer has. Raises UnreadableError."""
        if layer.place not in self._read:
            self._read[layer.place] = self._first(layer, shapes)
        for name, array in self._read[layer.place].items():
            self._check(layer, name, array.shape, shapes[name])
        return self._read[layer.place]

    def _first(self, layer: Described, shapes: Mapping[str, Shape]) -> dict[str, np.ndarray]:
        names, arrays = variables(layer), self._finder.found(layer)
        if len(names) != len(arrays):
            raise UnreadableError(
                f"{layer.name} ({layer.kind}) expects {len(names)} arrays ({', '.join(names)}), "
                f"found {len(arrays)}; the weights are those of another model"
            )
        for name, array in zip(names, arrays, strict=True):
            self._check(layer, name, array.shape, shapes[name])
            self._total += int(np.prod(array.shape, dtype=np.int64))
        if self._total > MOST_WEIGHTS:
            raise UnreadableError(
                f"holds more than {MOST_WEIGHTS:,} weights by {layer.name}; is it a generator of "
                "pictures?"
            )
        return {name: array.values() for name, array in zip(names, arrays, strict=True)}

    def _check(self, layer: Described, name: str, found: Shape, expected: Shape) -> None:
        if found != expected:
            raise UnreadableError(
                f"{layer.name} ({layer.kind}) expects a {name} of {shown(expected)}, found "
                f"{shown(found)}; the weights are those of another model"
            )


class ByClass:
    """Keras 3, and 2.12 on: groups that are named for the class of a layer and counted."""

    def __init__(self, root: Group, model: Model) -> None:
        self._root = root
        self._counts = dict(_counts(model, ()))

    def found(self, layer: Described) -> list[Array]:
        group = self._root
        for depth, (kind, rank) in enumerate(layer.place):
            parent = layer.place[:depth]
            if kind:
                inside = self._inside(group, parent, kind, rank, layer)
            else:
                inside = group.group("layer")  # what a wrapper is around
            if inside is None:
                raise self._missing(layer)
            group = inside
        held = group.group("vars")
        if held is None:
            raise self._missing(layer)
        arrays = [held.array(str(number)) for number in range(len(held.names))]
        return [array for array in arrays if array]

    def _inside(
        self, group: Group, parent: Place, kind: str, rank: int, layer: Described
    ) -> Group | None:
        container = next((each for each in map(group.group, ROOTS) if each), None)
        if container is None:
            return None
        counted = re.compile(rf"{re.escape(kind)}(_[0-9]{{1,9}})?")
        names = [name for name in container.names if counted.fullmatch(name)]
        names.sort(key=lambda name: int(name[len(kind) + 1 :] or 0))
        if len(names) != self._counts.get((parent, kind)):
            raise UnreadableError(
                f"holds weights of {len(names)} layers like {layer.name} ({layer.kind}) where the "
                f"config has {self._counts.get((parent, kind), 0)}; the weights are those of "
                "another model"
            )
        return container.group(names[rank])

    def _missing(self, layer: Described) -> UnreadableError:
        return UnreadableError(
            f"holds no weights of {layer.name} ({layer.kind}); save the model again with Keras"
        )


def _counts(model: Model, place: Place) -> Iterator[tuple[tuple[Place, str], int]]:
    """How many layers of each class a model has, and the models in it."""
    kinds = Counter(
        layer.place[-1][0] for layer in model.layers if not layer.kind.startswith("ops.")
    )
    for kind, number in kinds.items():
        yield (place, kind), number
    for layer in model.layers:
        if layer.inner:
            yield from _counts(layer.inner, layer.place)


class _Slot(NamedTuple):
    """A weight in the flat list of those of a model."""

    layer: Described
    variable: str

    @property
    def trained(self) -> bool:
        return self.layer.trainable and self.variable not in STATISTICS


class ByName:
    """All versions of Keras's own HDF5: layer_names, and weight_names of each."""

    def __init__(self, root: Group, model: Model) -> None:
        self._arrays: dict[tuple[Place, str], Array] = {}
        layers = [layer for layer in model.layers if list(_slots(layer))]
        groups = [each for each in _groups(root) if each.texts("weight_names")]
        if len(groups) != len(layers):
            raise UnreadableError(
                f"holds weights of {len(groups)} layers where the config has {len(layers)} with "
                "weights; the weights are those of another model"
            )
        for layer, group in zip(layers, groups, strict=True):
            self._place(layer, group)

    def found(self, layer: Described) -> list[Array]:
        return [self._arrays[layer.place, name] for name in variables(layer)]

    def _place(self, layer: Described, group: Group) -> None:
        names = group.texts("weight_names")
        slots = list(_slots(layer))
        if len(slots) != len(names):
            raise UnreadableError(
                f"{layer.name} ({layer.kind}) expects {len(slots)} arrays, found {len(names)}; "
                "the weights are those of another model"
            )
        told = [_told(name) for name in names]
        wanted = [(slot.layer.name, slot.variable) for slot in slots]
        if sorted(told) == sorted(set(wanted)):
            slots = [slots[wanted.index(each)] for each in told]
        else:  # what is trained goes first
            slots = sorted(slots, key=lambda slot: not slot.trained)
        for slot, name in zip(slots, names, strict=True):
            array = group.array(name)
            if array is None:
                raise UnreadableError(f"holds no array {name}, which its weight_names promise")
            self._arrays[slot.layer.place, slot.variable] = array


def _groups(root: Group) -> Iterator[Group]:
    for name in root.texts("layer_names"):
        group = root.group(name)
        if group is None:
            raise UnreadableError(f"holds no group {name}, which its layer_names promise")
        yield group


def _slots(layer: Described) -> Iterator[_Slot]:
    for inside in layer.inner.layers if layer.inner else ():
        yield from _slots(inside)
    if layer.wrapped:
        yield from _slots(layer.wrapped)
        yield _Slot(layer, "vector_u")
    for name in variables(layer):
        yield _Slot(layer, name)


def _told(name: str) -> tuple[str, str]:
    """Layer and variable in a name as model/dense_1/kernel:0."""
    layer, _, variable = name.split(":")[0].rpartition("/")
    variable = SAME.get(variable, variable)
    return layer.rpartition("/")[2], variable
