"""Starting TensorFlow without its greetings."""

import os
import sys
import tempfile


def tensorflow(verbose: bool = False, gpus: bool = True) -> None:
    """Import TensorFlow and let it find its devices; what it logs meanwhile is shown when it fails.

    Its C++ side writes to file descriptor 2 before any log level is read, so that is set aside.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if verbose else "2")
    if verbose:
        _start(gpus)
        return
    sys.stderr.flush()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as aside:
        os.dup2(aside.fileno(), 2)
        try:
            _start(gpus)
        except BaseException:
            aside.seek(0)
            os.write(stderr, aside.read())
            raise
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)


def _start(gpus: bool) -> None:
    from ganinv_cli.engine import devices

    devices.prepare(gpus=gpus)
