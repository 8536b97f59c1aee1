"""Run the code of a user's generator: imports, errors, and its function as operations."""

import itertools
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import tensorflow as tf

from ganinv_cli.errors import to_printable
from ganinv_cli.generators.formats.interface import UnreadableError
from ganinv_cli.generators.formats.trace_function import FunctionInput, trace_function
from ganinv_cli.generators.network.graph import TracedNetwork

EXPORT_ADVICE = (
    "; export it where its code is, as a SavedModel (model.export), or name a .py file that makes "
    "the generator"
)
MAX_REASON = 200  # characters
# patterns of the reason in a message that repeats settings, arguments and lines
_REASONS = (
    r".*Exception encountered: (.*)",  # of Keras, for a layer of a model
    r"\x1b\[1m(.*?)\x1b\[0m",  # of Keras, for a layer's call
    r"in user code:.*\n +\w+: (.*)",  # of tf.function
)


def trace_user_function(
    function: Callable[..., Any],
    latent_shape: tuple[int, ...],
    labels: int,
    failure: str,
    advice: str,
) -> TracedNetwork:
    """Return a function of z (batch, *latent_shape) float32 as operations.

    If there are `labels`, it also takes label (batch,) int32. Its errors become an UnreadableError,
    see `explain_errors`.
    """

    def generate(*tensors: tf.Tensor) -> tf.Tensor:
        with explain_errors(failure, advice):
            pictures = tf.convert_to_tensor(function(*tensors))
        _refuse_changes(tf.compat.v1.get_default_graph())
        return pictures

    inputs = [FunctionInput("z", tf.float32, (None, *latent_shape))]
    if labels:
        inputs.append(FunctionInput("label", tf.int32, (None,)))
    return trace_function(generate, inputs, labels, latent_shape=latent_shape)


def _refuse_changes(graph: Any) -> None:
    definition = graph.as_graph_def()
    functions = (each.node_def for each in definition.library.function)
    for node in itertools.chain(definition.node, *functions):
        if "Assign" in node.op or node.op.startswith("ResourceScatter"):
            raise UnreadableError(
                f"changes a variable whenever it makes a picture ({node.op}); a picture must "
                "depend on z alone, so leave that out"
            )


@contextmanager
def run_beside(path: Path) -> Iterator[None]:
    """Allow imports of the modules beside a file in the block; they are unloaded at the end.

    Output of the block goes to stderr, because stdout is for results.
    """
    folder, known, places = path.absolute().parent, set(sys.modules), sys.path[:]
    sys.path.insert(0, str(folder))
    try:
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.path[:] = places
        for name in sys.modules.keys() - known:
            top = name.partition(".")[0]
            if top not in known and ((folder / top).is_dir() or (folder / f"{top}.py").is_file()):
                del sys.modules[name]


@contextmanager
def explain_errors(failure: str, advice: str = EXPORT_ADVICE) -> Iterator[None]:
    """Turn any exception of the block into an UnreadableError of one sentence, with its cause.

    Only for calls of a framework or of a user's code, which may raise anything.
    """
    try:
        yield
    except UnreadableError:
        raise
    except (Exception, SystemExit) as error:
        text = str(error)
        for pattern in _REASONS:
            text = match[1] if (match := re.search(pattern, text, re.DOTALL)) else text
        reason = to_printable(f"{type(error).__name__}: {' '.join(text.split())}")[:MAX_REASON]
        raise UnreadableError(f"{failure} ({reason}){advice}") from error
