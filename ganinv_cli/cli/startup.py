"""Starting TensorFlow without its greetings."""

import os
import sys
import tempfile


def start_tensorflow(verbose: bool = False, gpus: bool = True) -> None:
    """Import TensorFlow and let it find its devices; what it logs meanwhile is shown when it fails.

    Its C++ side writes to file descriptor 2 before any log level is read, so that is set aside.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if verbose else "2")
    if verbose:
        _prepare_devices(gpus)
        return
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as log_file:
        os.dup2(log_file.fileno(), 2)
        try:
            _prepare_devices(gpus)
        except BaseException:
            log_file.seek(0)
            os.write(stderr, log_file.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def _prepare_devices(gpus: bool) -> None:
    from ganinv_cli.engine import devices

    devices.configure_tensorflow(gpus=gpus)
