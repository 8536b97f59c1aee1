"""Read generators from Keras files that contain code, such as a Lambda layer, by running the code.

Only for files you trust. Keras builds the model, TensorFlow traces it to a graph, and the graph is
translated as a SavedModel's graph is, so the operations of the code must be translatable.
"""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ganinv_cli.formats.interface import UnfinishedGenerator, UnreadableError

EXPORT_ADVICE = "; export it where its code is, as a SavedModel (model.export), which needs none"


def read(path: Path) -> UnfinishedGenerator:
    """Return the generator in a .keras or .h5 file by running the file's code.

    Raises UnreadableError, and whatever else the file's own code raises.
    """
    from ganinv_cli.formats.graph import network as graph_network
    from ganinv_cli.formats.graph.tensors import Budget

    function, names = _trace_model(path)
    if len(function.outputs) != 1:
        raise UnreadableError(
            f"has {len(function.outputs)} outputs; expected one, the picture; "
            "save a model that makes it alone"
        )
    inputs = [
        graph_network.Input(
            name, tensor.name, tensor.dtype.as_datatype_enum, _to_shape(tensor.shape)
        )
        for name, tensor in zip(names, function.inputs, strict=False)  # captured ones follow
    ]
    values, captured_values = _read_captures(function)
    budget = Budget()

    def read_variable(key: str) -> np.ndarray:
        budget.spend(values[key].shape)
        return values[key]

    graph = graph_network.graph_of(function.graph.as_graph_def(), {})._replace(
        given=captured_values
    )
    network = graph_network.network(graph, inputs, function.outputs[0].name, read_variable, budget)
    return UnfinishedGenerator(network, "Keras", "traced", str(path))


@contextmanager
def explain_framework_errors(
    failure: str,
    error_type: type[Exception] = UnreadableError,
    advice: str = EXPORT_ADVICE,
    max_length: int = 200,
) -> Iterator[None]:
    """Raise what Keras or TensorFlow raises in the body as an error of ours, in one sentence.

    To be put around the framework's calls alone: it raises any of these for a file it cannot load.
    """
    import tensorflow as tf

    try:
        yield
    except (
        *(OSError, ValueError, TypeError, LookupError, AttributeError, NameError, ImportError),
        *(RuntimeError, EOFError, AssertionError, zipfile.BadZipFile, tf.errors.OpError),
    ) as error:
        reason = " ".join(str(error).split())[:max_length]
        message = f"{failure} ({type(error).__name__}: {reason}){advice}"
        raise error_type(message) from None


def _trace_model(path: Path) -> tuple[Any, list[str]]:
    """Return the model's function in inference, and the names of its inputs."""
    import tensorflow as tf

    load = tf.keras.models.load_model
    with explain_framework_errors("cannot be loaded by Keras"):
        model = load(path, compile=False, safe_mode=False)
    specs, structure = _read_input_specs(model)

    def generate(*inputs: Any) -> Any:
        return model(tf.nest.pack_sequence_as(structure, inputs), training=False)

    with explain_framework_errors("cannot be traced"):
        function = tf.function(generate, autograph=False).get_concrete_function(*specs)
    return function, [str(spec.name) for spec in specs]


def _read_input_specs(model: Any) -> tuple[list[Any], Any]:
    """Return the specs of the inputs, flat and as a structure. Raises UnreadableError."""
    import tensorflow as tf

    if getattr(model, "inputs", None):
        is_sequential = isinstance(model, tf.keras.Sequential)
        structure = model.inputs[0] if is_sequential else model.input
        tensors = tf.nest.flatten(structure)
        return [tf.TensorSpec(tuple(t.shape), t.dtype, t.name) for t in tensors], structure
    # a Sequential whose code could not be traced when it was loaded still has its input shape
    build_config: Any = model.get_build_config() if hasattr(model, "get_build_config") else None
    shape = (build_config or {}).get("input_shape")
    if isinstance(shape, list | tuple) and all(n is None or isinstance(n, int) for n in shape):
        spec = tf.TensorSpec(tuple(shape), tf.float32, "z")
        return [spec], spec
    raise UnreadableError(
        "is a model that does not say what it is given; export it as a SavedModel "
        "(model.export), which does"
    )


def _read_captures(function: Any) -> tuple[dict[str, np.ndarray], dict[Any, Any]]:
    """Return the values of the variables by name, and the captured inputs of the graph."""
    from ganinv_cli.formats.graph.values import ConstantValue, Handle

    variables = {id(each.handle): each for each in function.graph.variables}
    values: dict[str, np.ndarray] = {}
    captured_values: dict[Any, Any] = {}
    for outside, inside in function.graph.captures:
        key = (inside.op.name, 0)
        if id(outside) in variables:
            values[inside.op.name] = variables[id(outside)].numpy()
            captured_values[key] = Handle(inside.op.name)
        elif hasattr(outside, "numpy") and outside.dtype.is_numpy_compatible:
            captured_values[key] = ConstantValue((outside.numpy(),))
    return values, captured_values


def _to_shape(shape: Any) -> tuple[int, ...] | None:
    if shape.rank is None:
        return None
    return tuple(-1 if size is None else size for size in shape.as_list())
