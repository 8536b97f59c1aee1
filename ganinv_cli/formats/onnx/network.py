"""The network of an ONNX model: choose the output with the picture, and allow any batch size."""

from contextlib import suppress
from dataclasses import replace

import numpy as np
import tensorflow as tf

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.onnx.program import Program
from ganinv_cli.formats.onnx.reading import Model
from ganinv_cli.formats.traced.functions import MAX_BATCH, FunctionInput, trace_function
from ganinv_cli.network.traced_network import TracedNetwork

TOLERANCE = 1e-4  # of pixels, in parts of their range
BATCHES = 3  # on which two programs are compared


def make_network(model: Model) -> TracedNetwork:
    """Return the network of a model. Raises UnreadableError."""
    sizes = {each.shape[0] for each in model.inputs if each.shape}
    batch = next(iter(sizes)) if len(sizes) == 1 else None
    program = Program(model, batch, free=batch is None)
    output = _choose_output(program)
    digest = program.hashes[output]
    if batch is not None:  # it is faster without a loop over batches
        with suppress(UnreadableError):
            free = Program(model, batch, free=True)
            if _agree(model, batch, program, free, output):
                return _trace(model, free, None, output, digest)
    return _trace(model, program, batch, output, digest)


def _trace(
    model: Model, program: Program, batch: int | None, output: str, digest: str
) -> TracedNetwork:
    inputs = [
        FunctionInput(each.name, tf.as_dtype(each.dtype), (batch, *each.row))
        for each in model.inputs
    ]
    try:
        network = trace_function(lambda *tensors: program.run(tensors, output), inputs)
    except (ValueError, NotImplementedError) as error:
        raise UnreadableError(
            f"takes {batch} latent vectors at once and cannot be run for more "
            f"({' '.join(str(error).split())[:160]}); export it with a dynamic batch axis"
        ) from None
    return replace(network, graph_sha256=digest)


def _agree(model: Model, batch: int, own: Program, free: Program, output: str) -> bool:
    """Return whether the programs for any batch size and for `batch` make the same pictures."""
    random = np.random.default_rng(0)
    shapes = [(BATCHES, min(batch, MAX_BATCH), *each.row) for each in model.inputs]
    inputs = [
        tf.constant(random.normal(size=shape) if each.dtype == np.float32 else np.zeros(shape))
        for each, shape in zip(model.inputs, shapes, strict=True)
    ]
    inputs = [tf.cast(x, each.dtype) for x, each in zip(inputs, model.inputs, strict=True)]

    @tf.function(autograph=False)
    def run_both(*tensors: tf.Tensor) -> list[tf.Tensor]:
        together = free.run([tf.reshape(x, [-1, *x.shape[2:]]) for x in tensors], output)
        parts = [own.run([x[n] for x in tensors], output) for n in range(BATCHES)]
        return [together, tf.concat(parts, 0)]

    try:
        first, second = (each.numpy() for each in run_both(*inputs))
    except (ValueError, tf.errors.OpError):
        return False
    return first.shape == second.shape and bool(
        np.abs(first - second).max() <= TOLERANCE * np.ptp(second)
    )


def _choose_output(program: Program) -> str:
    """Return the name of the output that is the picture."""
    names: list[str] = list(program.shapes)
    pictures = [
        name
        for name, shape in program.shapes.items()
        if len(shape) == 4 and (shape[1] in (1, 3) or shape[3] in (1, 3))
    ]
    if len(names) == 1 or len(pictures) == 1:
        return (pictures or names)[0]
    shown = ", ".join(f"{name[:60]} {list(program.shapes[name][1:])}" for name in names[:6])
    raise UnreadableError(
        f"has {len(names)} outputs ({shown}), of which {len(pictures)} are pictures; export a "
        "generator that returns one picture"
    )
