"""Start a command: TensorFlow, the generator, and the engine that runs it."""

import os
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

import click

from ganinv_cli.errors import ConfigError, to_printable
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.conventions import Conventions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ganinv_cli.engine.engine import Engine, GeneratorSpec
    from ganinv_cli.network.checkpoint import Checkpoint
    from ganinv_cli.network.generator import BatchNormMode

SLOW_READING = 3.0  # seconds of reading a checkpoint after which a message says why


def start_tensorflow(verbose: bool = False, gpus: bool = True) -> None:
    """Import TensorFlow and find its devices; print its log only if that fails, or if `verbose`.

    TensorFlow's C++ code writes to file descriptor 2 before it reads any log level, so the
    descriptor is redirected to a file meanwhile.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "0" if verbose else "3")
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
    with _leave_keras_out():
        import tensorflow  # noqa: F401
    from ganinv_cli.engine import devices

    devices.configure_tensorflow(gpus=gpus)


@contextmanager
def _leave_keras_out() -> "Iterator[None]":
    """Import TensorFlow without Keras, a third of its time; `tf.keras` loads it when it is used.

    TensorFlow loads it, or in its place an old package that hardly anybody has, and goes on without
    if there is none.
    """
    if "TF_USE_LEGACY_KERAS" in os.environ or find_spec("tf_keras"):
        yield
        return
    os.environ["TF_USE_LEGACY_KERAS"] = "1"
    try:
        yield
    finally:
        del os.environ["TF_USE_LEGACY_KERAS"]


def read_checkpoint(
    path: Path, conventions: Conventions, verbose: bool, quiet: bool = False, gpus: bool = True
) -> "Checkpoint":
    """Read and check a checkpoint, and start TensorFlow; print what was assumed, unless `quiet`.

    Raises CheckpointError.
    """
    checkpoint = read_checkpoint_lazily(path, conventions, verbose, quiet, gpus)
    start_tensorflow(verbose, gpus)
    checkpoint = check_norms(checkpoint, verbose, gpus)
    if checkpoint.norm_check.doubt and not quiet:
        print_message(f"{checkpoint.path} is not confirmed: {checkpoint.norm_check.doubt}")
    return checkpoint


def check_norms(checkpoint: "Checkpoint", verbose: bool, gpus: bool = True) -> "Checkpoint":
    """Return the checkpoint with its check; start TensorFlow only if the check was not kept."""
    from ganinv_cli.network.norms.cached_check import load_check, measure_check

    check = load_check(checkpoint)
    if check is None:
        start_tensorflow(verbose, gpus)
        check = measure_check(checkpoint)
    return replace(checkpoint, norm_check=check)


def read_checkpoint_lazily(
    path: Path, conventions: Conventions, verbose: bool, quiet: bool = False, gpus: bool = True
) -> "Checkpoint":
    """Read a checkpoint as `read_checkpoint` does; start TensorFlow only if the format needs it."""
    from ganinv_cli import formats
    from ganinv_cli.network.convention import summarize_inferred

    if formats.needs_tensorflow(path, conventions):
        start_tensorflow(verbose, gpus)
    with _announce_slow_reading(path, quiet):
        checkpoint = formats.read(path, conventions)
    if verbose:
        print_message(
            f"{checkpoint.path}: {checkpoint.format}, layout {checkpoint.layout}, "
            f"{checkpoint.sha256}"
        )
        print_message(f"ignored: {', '.join(checkpoint.ignored) or 'nothing'}")
    if not quiet:
        for file in checkpoint.convention_files:
            print_message(f"{checkpoint.path}: told by {file}")
        inferred = summarize_inferred(checkpoint.conventions)
        if inferred:
            print_message(f"{checkpoint.path}: inferred from its batch norms: {inferred}")
        if checkpoint.assumed:
            print_message(f"{checkpoint.path} does not say, and so is assumed:")
        for clause in checkpoint.assumed:
            print_message(f"  {clause}")
        for clause in checkpoint.notes:
            print_message(f"{checkpoint.path}: {clause}")
    return checkpoint


@contextmanager
def _announce_slow_reading(path: Path, quiet: bool) -> "Iterator[None]":
    """Print a message if reading takes longer than SLOW_READING; it is silent otherwise."""
    timer = Timer(
        SLOW_READING,
        print_message,
        [
            f"still reading {path}; for weights alone this infers conventions from the batch "
            "norms, which takes up to two minutes, once for each file and each set of options"
        ],
    )
    timer.daemon = True
    if not quiet:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def make_generator_spec(
    checkpoint: "Checkpoint", batch_norm: "BatchNormMode" = "frozen", label: int = -1
) -> "GeneratorSpec":
    """Return the generator to build, of one label or, if `label` is -1, of all labels.

    Raises ConfigError if the checkpoint has no such label, or no batch norm for that mode.
    """
    from ganinv_cli.engine.engine import GeneratorSpec
    from ganinv_cli.network.graph import Network
    from ganinv_cli.network.layers import BatchNorm

    labels = checkpoint.network.labels
    network = checkpoint.network
    norms = isinstance(network, Network) and any(
        isinstance(node.layer, BatchNorm) for node in network.nodes
    )
    if batch_norm == "batch" and not norms:
        raise ConfigError(
            f"{checkpoint.path} has no layers of batch norm that could take a batch's statistics; "
            "leave --batch-norm out"
        )
    if label >= labels:
        has = f"labels 0 to {labels - 1}" if labels else "no labels"
        raise ConfigError(
            f"label = {label}: {checkpoint.path} has {has}; leave --label out, or give one of these"
        )
    return GeneratorSpec(checkpoint, batch_norm, None if label < 0 else label)


@contextmanager
def open_engine(config: Config, spec: "GeneratorSpec") -> "Iterator[Engine]":
    """Open the engine that a config asks for, and free its workers at the end.

    TensorFlow must have been started.
    """
    from ganinv_cli.engine import devices
    from ganinv_cli.engine.local import MultiDevice, SingleDevice

    config = _choose_precision(config, spec.checkpoint)
    if config.engine == "ray":
        from ganinv_cli.engine.ray.cluster import open_cluster

        with (
            devices.Device("cpu", 0).scope(),
            open_cluster(config, spec, print_message) as workers,
        ):
            yield workers
        return
    used_devices = devices.find_devices(config.device)
    if config.batch_norm == "batch":  # all trials are one batch, on one device
        used_devices = used_devices[:1]
    machine = devices.describe_machine(used_devices, config.precision)
    with used_devices[0].scope():
        yield (
            SingleDevice(spec.build(), machine)
            if len(used_devices) == 1
            else MultiDevice(spec, used_devices, machine)
        )


def _choose_precision(config: Config, checkpoint: "Checkpoint") -> Config:
    """Return the config with a precision that the generator has. Raises ConfigError."""
    if checkpoint.has_layers:
        return config
    refuse_precision(checkpoint, "precision", config.precision, ("auto", "float32"))
    refuse_precision(checkpoint, "polish", getattr(config, "polish", "none"), ("none",))
    return replace(config, precision="float32")


def refuse_precision(
    checkpoint: "Checkpoint", setting: str, value: str, allowed: tuple[str, ...]
) -> None:
    """Raise ConfigError if a generator without layers has to be computed in another precision."""
    if not checkpoint.has_layers and value not in allowed:
        precision = "float64" if value == "float64" else "bfloat16"
        raise ConfigError(
            f"{setting} = {value}: {checkpoint.path} was read as TensorFlow operations, and has no "
            f"layers that could be computed in {precision}; leave --{setting} out"
        )


def print_message(sentence: str) -> None:
    """Print a line on stderr; characters that control a terminal are escaped."""
    click.echo(to_printable(sentence), err=True)
