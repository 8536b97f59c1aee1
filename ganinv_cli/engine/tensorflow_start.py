"""Start TensorFlow, without its log and without what no run needs at first."""

import logging
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec


def start_tensorflow(gpus: bool = True) -> None:
    """Import TensorFlow and find its devices, without its log.

    TensorFlow's C++ code writes to file descriptor 2 before it reads any log level, so the
    descriptor is redirected to a file meanwhile.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if sys.stderr:
        sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as log_file:
        os.dup2(log_file.fileno(), 2)
        try:
            _prepare_devices(gpus)
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def _prepare_devices(gpus: bool) -> None:
    with _leave_keras_out():
        import tensorflow  # noqa: F401
    from ganinv_cli.engine import devices

    devices.configure_tensorflow(gpus=gpus)
    logging.getLogger("tensorflow").addFilter(_is_of_the_user)


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
