"""Settings of the whole test run: TensorFlow's environment, and which tests share a process."""

from __future__ import annotations

import atexit
import functools
import os
import shutil
import signal
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from xdist.remote import Producer
    from xdist.scheduler import LoadFileScheduling


# Here because TensorFlow and NumPy read them once, when they are imported.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # errors only: the rest describes the hardware
os.environ.setdefault("TF_DETERMINISTIC_OPS", "1")
os.environ["COLUMNS"] = "100"  # help and tables come out alike whatever the terminal
os.environ["TERM"] = "xterm"  # and a terminal is never a dumb one
os.environ["PYTHONUTF8"] = "1"  # of the processes that tests start, pytest-xdist's among them
for name in [name for name in os.environ if name.startswith("GIT_")]:
    del os.environ[name]  # in a hook of git, GIT_DIR is the repository that is committed to
os.environ["GIT_CONFIG_GLOBAL"] = os.devnull  # it may ask for signed commits
if "PYTEST_XDIST_WORKER" not in os.environ:  # the tests have a cache of their own, then removed
    os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="ganinv-tests-")
    atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], ignore_errors=True)
if "PYTEST_XDIST_WORKER" in os.environ:  # several processes, each of one thread
    for name in ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "OMP_NUM_THREADS"):
        os.environ[name] = "1"

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a script
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which tests and commands need


def pytest_runtest_setup(item):
    from ganinv_cli.precision import has_fast_bfloat16

    if item.get_closest_marker("bfloat16") and not has_fast_bfloat16():
        pytest.skip("TensorFlow is not fast in bfloat16 here")


@pytest.fixture(autouse=True)
def keep_tracebacks(request, monkeypatch):
    """Errors of reading a generator become sentences only in tests with the mark `refusals`."""
    if not request.node.get_closest_marker("refusals"):
        monkeypatch.setattr("ganinv_cli.generators.formats.boundary.list_reading_errors", tuple)


@pytest.fixture(autouse=True, scope="session")
def share_generators():
    """Generators of the same content are one, so that each graph is compiled once for all tests.

    A test that changes what is compiled, or counts it, has a content of its own, or undoes this by
    `__wrapped__`.
    """
    with pytest.MonkeyPatch.context() as patch:
        if "ganinv_cli.generators.network.make_generator" in sys.modules:
            from ganinv_cli.generators.network import generator, layered
            from ganinv_cli.generators.network.operations import generator as operations

            patch.setattr(generator, "MAX_KEPT", 64)
            attributes = {}
            for kind in (layered.LayeredGenerator, operations.TracedGenerator):
                patch.setattr(kind, "__init__", _share_attributes(kind.__init__, attributes))
        yield


def _share_attributes(initialise, attributes):
    @functools.wraps(initialise)
    def share(self, network, prior, *settings, **options):
        initialise(self, network, prior, *settings, **options)
        content = self.sha256, prior, self.batch_norm, self.image_shape, str(self.origin)
        self.__dict__ = attributes.setdefault(content, self.__dict__)

    return share


@pytest.fixture(scope="session")
def generator(tmp_path_factory):
    """Of 6 unknowns and random weights: every start finds z."""
    import builders

    from ganinv_cli.generators.network.make_generator import make_generator

    return make_generator(builders.make_definition(tmp_path_factory.mktemp("small")))


@pytest.hookimpl(optionalhook=True)  # pytest-xdist may be absent
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling:
    """Give each test file to one process, since its fixtures are shared."""
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log)
