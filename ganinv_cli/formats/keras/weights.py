"""Location of the weights of each layer of a model in its HDF5 file."""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

import numpy as np

from ganinv_cli.formats.interface import MAX_WEIGHTS, UnreadableError
from ganinv_cli.formats.keras.config import LayerConfig, Model, WeightPath
from ganinv_cli.formats.keras.hdf5 import Array, Group, Shape
from ganinv_cli.network.shapes import format_shape

ROOT_GROUPS = "layers", "_layer_checkpoint_dependencies"  # the second in Keras 2.12

# The weights of each kind of layer in the order of the file, trained ones first. Each has the
# setting that it depends on.
_KERNEL = (("kernel", ""), ("bias", "use_bias"))
_NORM = (("gamma", "scale"), ("beta", "center"))
WEIGHT_NAMES: dict[str, tuple[tuple[str, str], ...]] = {
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
STATISTICS = {"moving_mean", "moving_variance", "vector_u"}  # weights that are never trained
WEIGHT_ALIASES = {"depthwise_kernel": "kernel"}  # of DepthwiseConv2D in Keras 2


def weight_names(layer: LayerConfig) -> tuple[str, ...]:
    """Return the names of a layer's weights, in the order of the file."""
    read_bool = layer.settings.read_bool
    return tuple(
        name for name, need in WEIGHT_NAMES.get(layer.kind, ()) if not need or read_bool(need, True)
    )


class WeightLayout(Protocol):
    """A layout of weights in a file."""

    def find_arrays(self, layer: LayerConfig) -> list[Array]:
        """Return the arrays of a layer. Raises UnreadableError."""


class Weights:
    """The weights of layers, each read once and after its shape was checked."""

    def __init__(self, layout: WeightLayout) -> None:
        self._layout = layout
        self._cache: dict[WeightPath, dict[str, np.ndarray]] = {}
        self._weight_count = 0

    def read_layer(self, layer: LayerConfig, shapes: Mapping[str, Shape]) -> dict[str, np.ndarray]:
        """Return the weights of a layer by name. Raises UnreadableError."""
        if layer.weight_path not in self._cache:
            self._cache[layer.weight_path] = self._read_arrays(layer, shapes)
        for name, array in self._cache[layer.weight_path].items():
            self._check_shape(layer, name, array.shape, shapes[name])
        return self._cache[layer.weight_path]

    def _read_arrays(
        self, layer: LayerConfig, shapes: Mapping[str, Shape]
    ) -> dict[str, np.ndarray]:
        names, arrays = weight_names(layer), self._layout.find_arrays(layer)
        if len(names) != len(arrays):
            raise UnreadableError(
                f"{layer.name} ({layer.kind}) expects {len(names)} arrays ({', '.join(names)}), "
                f"found {len(arrays)}; the weights are those of another model"
            )
        for name, array in zip(names, arrays, strict=True):
            self._check_shape(layer, name, array.shape, shapes[name])
            self._weight_count += int(np.prod(array.shape, dtype=np.int64))
        if self._weight_count > MAX_WEIGHTS:
            raise UnreadableError(
                f"holds more than {MAX_WEIGHTS:,} weights by {layer.name}; is it a generator of "
                "pictures?"
            )
        return {name: array.read_values() for name, array in zip(names, arrays, strict=True)}

    def _check_shape(self, layer: LayerConfig, name: str, actual: Shape, expected: Shape) -> None:
        if actual != expected:
            raise UnreadableError(
                f"{layer.name} ({layer.kind}) expects a {name} of {format_shape(expected)}, found "
                f"{format_shape(actual)}; the weights are those of another model"
            )


def choose_layout(root: Group, model: Model) -> WeightLayout:
    """Return the layout of a model's weights in a file."""
    by_class = any(root.find_group(name) for name in ROOT_GROUPS)
    return LayoutByClass(root, model) if by_class else LayoutByName(root, model)


class LayoutByClass:
    """The layout of Keras 2.12 and later: groups named for the class of a layer, and numbered."""

    def __init__(self, root: Group, model: Model) -> None:
        self._root = root
        self._counts = dict(_count_layers(model, ()))

    def find_arrays(self, layer: LayerConfig) -> list[Array]:
        group = self._root
        for depth, (kind, rank) in enumerate(layer.weight_path):
            parent = layer.weight_path[:depth]
            if kind:
                child = self._find_layer_group(group, parent, kind, rank, layer)
            else:
                child = group.find_group("layer")  # the layer inside a wrapper
            if child is None:
                raise self._missing_error(layer)
            group = child
        variables = group.find_group("vars")
        if variables is None:
            raise self._missing_error(layer)
        arrays = [variables.find_array(str(number)) for number in range(len(variables.names))]
        return [array for array in arrays if array]

    def _find_layer_group(
        self, group: Group, parent: WeightPath, kind: str, index: int, layer: LayerConfig
    ) -> Group | None:
        container = next((each for each in map(group.find_group, ROOT_GROUPS) if each), None)
        if container is None:
            return None
        counted = re.compile(rf"{re.escape(kind)}(_[0-9]{{1,9}})?")
        names = [name for name in container.names if counted.fullmatch(name)]
        names.sort(key=lambda name: int(name[len(kind) + 1 :] or 0))
        if len(names) != self._counts.get((parent, kind)):
            raise UnreadableError(
                f"holds weights of {len(names)} layers like {layer.name} ({layer.kind}), but the "
                f"config has {self._counts.get((parent, kind), 0)}; the weights are those of "
                "another model"
            )
        return container.find_group(names[index])

    def _missing_error(self, layer: LayerConfig) -> UnreadableError:
        return UnreadableError(
            f"holds no weights of {layer.name} ({layer.kind}); save the model again with Keras"
        )


def _count_layers(
    model: Model, weight_path: WeightPath
) -> Iterator[tuple[tuple[WeightPath, str], int]]:
    """Yield the number of layers of each class in a model and its inner models."""
    kinds = Counter(
        layer.weight_path[-1][0] for layer in model.layers if not layer.kind.startswith("ops.")
    )
    for kind, number in kinds.items():
        yield (weight_path, kind), number
    for layer in model.layers:
        if layer.inner_model:
            yield from _count_layers(layer.inner_model, layer.weight_path)


class _WeightEntry(NamedTuple):
    """A weight in the flat list of a model's weights."""

    layer: LayerConfig
    weight_name: str

    @property
    def is_trained(self) -> bool:
        return self.layer.trainable and self.weight_name not in STATISTICS


class LayoutByName:
    """The layout of Keras's HDF5 of all versions: layer_names, and weight_names of each layer."""

    def __init__(self, root: Group, model: Model) -> None:
        self._arrays: dict[tuple[WeightPath, str], Array] = {}
        layers = [layer for layer in model.layers if list(_list_weights(layer))]
        groups = [each for each in _find_layer_groups(root) if each.read_texts("weight_names")]
        if len(groups) != len(layers):
            raise UnreadableError(
                f"holds weights of {len(groups)} layers, but the config has {len(layers)} with "
                "weights; the weights are those of another model"
            )
        for layer, group in zip(layers, groups, strict=True):
            self._assign_arrays(layer, group)

    def find_arrays(self, layer: LayerConfig) -> list[Array]:
        return [self._arrays[layer.weight_path, name] for name in weight_names(layer)]

    def _assign_arrays(self, layer: LayerConfig, group: Group) -> None:
        names = group.read_texts("weight_names")
        entries = list(_list_weights(layer))
        if len(entries) != len(names):
            raise UnreadableError(
                f"{layer.name} ({layer.kind}) expects {len(entries)} arrays, found {len(names)}; "
                "the weights are those of another model"
            )
        stored_names = [_split_weight_name(name) for name in names]
        expected_names = [(slot.layer.name, slot.weight_name) for slot in entries]
        if sorted(stored_names) == sorted(set(expected_names)):
            entries = [entries[expected_names.index(each)] for each in stored_names]
        else:  # trained weights come first
            entries = sorted(entries, key=lambda slot: not slot.is_trained)
        for slot, name in zip(entries, names, strict=True):
            array = group.find_array(name)
            if array is None:
                raise UnreadableError(f"holds no array {name}, which is in its weight_names")
            self._arrays[slot.layer.weight_path, slot.weight_name] = array


def _find_layer_groups(root: Group) -> Iterator[Group]:
    for name in root.read_texts("layer_names"):
        group = root.find_group(name)
        if group is None:
            raise UnreadableError(f"holds no group {name}, which is in its layer_names")
        yield group


def _list_weights(layer: LayerConfig) -> Iterator[_WeightEntry]:
    for inside in layer.inner_model.layers if layer.inner_model else ():
        yield from _list_weights(inside)
    if layer.wrapped_layer:
        yield from _list_weights(layer.wrapped_layer)
        yield _WeightEntry(layer, "vector_u")
    for name in weight_names(layer):
        yield _WeightEntry(layer, name)


def _split_weight_name(name: str) -> tuple[str, str]:
    """Return layer and variable of a name such as model/dense_1/kernel:0."""
    layer, _, variable = name.split(":")[0].rpartition("/")
    variable = WEIGHT_ALIASES.get(variable, variable)
    return layer.rpartition("/")[2], variable
