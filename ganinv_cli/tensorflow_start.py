"""Start TensorFlow, without its log and without what no run needs at first."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec

from ganinv_cli.files import hide_output


def start_tensorflow(gpus: bool = True) -> None:
    """Import TensorFlow and find its devices, without its log.

    TensorFlow's C++ code writes to file descriptor 2 before it reads any log level.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    with hide_output():
        with _leave_keras_out():
            import tensorflow  # noqa: F401
        configure_tensorflow(gpus=gpus)
    logging.getLogger("tensorflow").addFilter(_is_of_the_user)


def configure_tensorflow(threads: int = 0, gpus: bool = True) -> None:
    """Configure TensorFlow, and initialise it.

    GPU memory is allocated as it is needed, and float32 is not rounded to TF32. `threads` limits
    the CPU threads, 0: one per core; `gpus` False hides all GPUs.
    """
    import tensorflow as tf  # here: importing it takes seconds

    if not gpus:
        with suppress(RuntimeError):
            tf.config.set_visible_devices([], "GPU")
    for gpu in tf.config.list_physical_devices("GPU"):
        with suppress(RuntimeError):  # TensorFlow is initialised already
            tf.config.experimental.set_memory_growth(gpu, True)
    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.experimental.enable_tensor_float_32_execution(False)
    tf.zeros(1)


def _is_of_the_user(record: logging.LogRecord) -> bool:
    """Return False for TensorFlow's advice against tracing ganinv's own functions in each run."""
    message = record.getMessage()
    return "ganinv_cli" not in message or "retracing" not in message


@contextmanager
def _leave_keras_out() -> Iterator[None]:
    """Import TensorFlow without Keras, a third of its time; `tf.keras` loads it when it is used.

    TensorFlow loads it, or in its place an old package that is hardly ever installed, and
    continues without if there is none.
    """
    if "TF_USE_LEGACY_KERAS" in os.environ or find_spec("tf_keras"):
        yield
        return
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    try:
        yield
    finally:
        del os.environ["TF_USE_LEGACY_KERAS"]
