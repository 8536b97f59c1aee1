"""Read a checkpoint and check it, and tell the user what is assumed."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

from ganinv_cli.api.tensorflow_start import start_tensorflow
from ganinv_cli.errors import ConfigError
from ganinv_cli.progress import SILENT, Reporter
from ganinv_cli.settings.conventions import Conventions

if TYPE_CHECKING:
    from ganinv_cli.engine.engine import GeneratorSpec
    from ganinv_cli.network.checkpoint import Checkpoint
    from ganinv_cli.network.generator import BatchNormMode

SLOW_READING = 3.0  # seconds of reading a checkpoint after which a message says why


def read_checkpoint(
    path: Path,
    conventions: Conventions,
    reporter: Reporter = SILENT,
    *,
    verbose: bool = False,
    gpus: bool = True,
) -> "Checkpoint":
    """Return a checkpoint with its check; TensorFlow has started. Raises CheckpointError."""
    checkpoint = read_checkpoint_lazily(path, conventions, reporter, verbose=verbose, gpus=gpus)
    reporter.enter("loading TensorFlow")
    start_tensorflow(verbose, gpus)
    reporter.enter(f"checking {path.name}")
    checkpoint = check_norms(checkpoint, verbose=verbose, gpus=gpus)
    if checkpoint.norm_check.doubt:
        reporter.say(f"{checkpoint.path} is not confirmed: {checkpoint.norm_check.doubt}")
    return checkpoint


def check_norms(
    checkpoint: "Checkpoint", *, verbose: bool = False, gpus: bool = True
) -> "Checkpoint":
    """Return the checkpoint with its check; start TensorFlow only if the check was not kept."""
    from ganinv_cli.network.norms.cached_check import load_check, measure_check

    check = load_check(checkpoint)
    if check is None:
        start_tensorflow(verbose, gpus)
        check = measure_check(checkpoint)
    return replace(checkpoint, norm_check=check)


def read_checkpoint_lazily(
    path: Path,
    conventions: Conventions,
    reporter: Reporter = SILENT,
    *,
    verbose: bool = False,
    gpus: bool = True,
) -> "Checkpoint":
    """Read a checkpoint as `read_checkpoint` does; start TensorFlow only if the format needs it."""
    from ganinv_cli import formats

    if formats.needs_tensorflow(path, conventions):
        reporter.enter("loading TensorFlow")
        start_tensorflow(verbose, gpus)
    reporter.enter(f"reading {path.name}")
    with _announce_slow_reading(path, reporter):
        checkpoint = formats.read(path, conventions)
    if verbose:
        reporter.say(
            f"{checkpoint.path}: {checkpoint.format}, layout {checkpoint.layout}, "
            f"{checkpoint.sha256}"
        )
        reporter.say(f"ignored: {', '.join(checkpoint.ignored) or 'nothing'}")
    for sentence in describe_assumptions(checkpoint):
        reporter.say(sentence)
    return checkpoint


def describe_assumptions(checkpoint: "Checkpoint") -> Iterator[str]:
    """Yield what a user should know before a run: conventions inferred or assumed, and notes."""
    from ganinv_cli.network.convention import summarize_inferred

    for file in checkpoint.convention_files:
        yield f"{checkpoint.path}: conventions are taken from {file}"
    if inferred := summarize_inferred(checkpoint.conventions):
        yield f"{checkpoint.path}: inferred from its batch norms: {inferred}"
    if checkpoint.assumed:
        yield f"{checkpoint.path} does not say, and so is assumed:"
    for clause in checkpoint.assumed:
        yield f"  {clause}"
    for clause in checkpoint.notes:
        yield f"{checkpoint.path}: {clause}"


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


@contextmanager
def _announce_slow_reading(path: Path, reporter: Reporter) -> Iterator[None]:
    """Show a message if reading takes longer than SLOW_READING."""
    timer = Timer(
        SLOW_READING,
        reporter.say,
        [
            f"still reading {path}; for weights alone this infers conventions from the batch "
            "norms, which takes up to two minutes, once for each file and each set of options"
        ],
    )
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
