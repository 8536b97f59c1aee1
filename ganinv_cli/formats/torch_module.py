"""Generators that PyTorch runs: a module of this program, TorchScript, and torch.export's `.pt2`.

PyTorch exports them to ONNX in memory, and its own pictures verify what was read. It is the user's
installation: a module of the program brings it, and a file, which is a program, needs --trust.
"""

import inspect
import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.formats.boundary import explain_reading_errors
from ganinv_cli.formats.complete import complete_generator
from ganinv_cli.formats.interface import (
    TORCH_SCRIPT,
    FileFacts,
    UnfinishedGenerator,
    UnreadableError,
)
from ganinv_cli.formats.onnx import trace_model
from ganinv_cli.formats.user_code import explain_errors
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.graph import TracedNetwork
from ganinv_cli.network.traced import TracedGenerator
from ganinv_cli.prior import make_normal
from ganinv_cli.settings.conventions import Conventions

ROWS = 3  # latent vectors of the example with which a module is exported
# Those for which the pictures are compared, in pairs: the export has the branch of the example
# alone, so a module whose branch depends on z, or on its batch, makes others for some pair.
CHECKED = 64
TOLERANCE = 1e-4  # largest difference of a picture, whose values are -1 to 1
_STATE_DICT = "; save its weights, torch.save(netG.state_dict(), 'netG.pt'), and load that file"
_WRAPPERS = ("module", "_orig_mod")  # of DataParallel, and of torch.compile


class _Example(NamedTuple):
    inputs: tuple[Any, ...]  # z, and the label if there is one
    labels: np.ndarray | None  # (ROWS,)


def is_module(source: Any) -> bool:
    """Return whether an object is a torch.nn.Module, as one of TorchScript is."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(source, torch.nn.Module)


def read_module(module: Any, latent: int, labels: int, conventions: Conventions) -> Checkpoint:
    """Return a torch.nn.Module as a generator; `latent` 0: as its first weights say.

    It is put into evaluation mode for the call. Raises CheckpointError if it is not a generator of
    images or cannot be exported, ConfigError for a wrong convention.
    """
    while type(module).__name__ in ("DataParallel", "DistributedDataParallel", "OptimizedModule"):
        module = next(getattr(module, name) for name in _WRAPPERS if hasattr(module, name))
    name = f"the module {getattr(module, 'original_name', type(module).__name__)}"
    with explain_reading_errors(name, "a generator"):
        network = _trace_module(module, latent, labels)
        generator = UnfinishedGenerator(network, "PyTorch module", "traced", name)
        return complete_generator(generator, conventions)


def read(path: Path, conventions: Conventions) -> UnfinishedGenerator:
    """Return the generator of a TorchScript or torch.export file. Raises UnreadableError."""
    is_script = FileFacts(path).has_member(TORCH_SCRIPT)
    loading = "torch.jit.load({})" if is_script else "torch.export.load({}).module()"
    export = (
        f"with PyTorch: import torch; netG = {loading.format(repr(path.name))}; "
        "z = torch.randn(1, 100, 1, 1), or in the shape that netG takes; "
        "torch.onnx.export(netG, z, 'generator.onnx', input_names=['z'], "
        f"dynamic_axes={{'z': {{0: 'n'}}}}, dynamo={not is_script})"
    )
    if not conventions.trust:
        raise UnreadableError(
            "is a TorchScript or torch.export program, which is code: --trust runs it with your "
            f"PyTorch. Or export it, {export}"
        )
    try:
        import torch
    except ImportError:
        raise UnreadableError(
            "is a TorchScript or torch.export program, which needs PyTorch to run (pip install "
            f"torch). Or export it, where it was made, {export}"
        ) from None
    advice = "; is its version older than the file's?"
    with explain_errors("cannot be loaded by PyTorch", advice), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of PyTorch, about its own formats
        module = (
            torch.jit.load(str(path), map_location="cpu")
            if is_script
            else torch.export.load(str(path)).module()
        )
    layout = "TorchScript" if is_script else "torch.export"
    network = _trace_module(module, 0, 0)
    return UnfinishedGenerator(network, layout, "traced", str(path))


def _trace_module(module: Any, latent: int, labels: int) -> TracedNetwork:
    with _evaluate(module):
        example = _make_example(module, latent, labels)
        try:
            network, _ = trace_model(_export(module, example.inputs))
        except UnreadableError as error:
            raise UnreadableError(f"{error}{_STATE_DICT}") from error
        z, pictures = _make_pictures(module, example.inputs)
    generator = TracedGenerator(network, make_normal(network.latent))
    checked_labels = None if example.labels is None else np.resize(example.labels, CHECKED)
    made = generator.render(z, ROWS, labels=checked_labels)
    difference = float(np.abs(made - pictures).max())
    if not difference <= TOLERANCE * max(1.0, float(np.abs(pictures).max())):
        raise UnreadableError(
            f"makes other pictures when it is exported to ONNX (they differ by {difference:.2g}): "
            f"does it draw random numbers, or decide by the values of z?{_STATE_DICT}"
        )
    return network


def _make_pictures(module: Any, inputs: tuple[Any, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Return random z (CHECKED, latent) and their pictures (CHECKED, height, width, channels)."""
    import torch

    first, *labels = inputs
    shape = (CHECKED, *first.shape[1:])
    z = torch.randn(shape, generator=torch.Generator().manual_seed(1)).to(first.device)
    rows = torch.arange(CHECKED, device=first.device) % ROWS
    pairs = zip(*(each.split(2) for each in (z, *(label[rows] for label in labels))), strict=True)
    pictures = torch.cat([module(*pair) for pair in pairs])
    return z.cpu().numpy().reshape(CHECKED, -1), pictures.cpu().numpy().transpose(0, 2, 3, 1)


@contextmanager
def _evaluate(module: Any) -> Iterator[None]:
    import torch

    modes = [(each, each.training) for each in module.modules()]
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        try:
            for each, _ in modes:
                each.training = False
            yield
        finally:
            for each, mode in modes:
                each.training = mode


def _make_example(module: Any, latent: int, labels: int) -> _Example:
    """Return inputs that a module makes pictures of, by trial. Raises UnreadableError."""
    import torch

    weights = [each for each in module.parameters() if each.ndim >= 2]
    first = weights[0] if weights else torch.zeros(0, 0)
    if weights and first.dtype != torch.float32:
        raise UnreadableError(f"computes in {first.dtype}; give it in float32, e.g. netG.float()")
    sizes = [latent] if latent else dict.fromkeys(n for w in weights[:3] for n in w.shape[:2])
    reason = "it has no weights"
    numbers = torch.arange(ROWS, device=first.device) % max(labels, 1)
    hot = torch.nn.functional.one_hot(numbers, max(labels, 1)).float()
    for size in sizes:
        for shape in ((ROWS, size), (ROWS, size, 1, 1)):
            z = torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(first.device)
            for inputs in ((z, numbers), (z, hot)) if labels else ((z,),):
                try:
                    with explain_errors("it fails", ""):
                        pictures = module(*inputs)
                except UnreadableError as error:
                    reason = str(error)
                    continue
                if getattr(pictures, "ndim", 0) == 4 and pictures.shape[1] in (1, 3):
                    labelled = numbers.cpu().numpy().astype(np.int32) if labels else None
                    return _Example(inputs, labelled)
                reason = f"it returns {getattr(pictures, 'shape', type(pictures).__name__)}"
    tried = ", ".join(f"({ROWS}, {size})" for size in sizes)
    raise UnreadableError(
        f"makes no pictures (n, 1 or 3, height, width) of z {tried}: {reason}; say what it "
        "takes, in Python: ganinv.load(netG, latent=100, labels=10)"
    )


def _export(module: Any, inputs: tuple[Any, ...]) -> io.BytesIO:
    import torch

    names = ["z", "label"][: len(inputs)]
    axes = {name: {0: "n"} for name in names}
    has_two = "dynamo" in inspect.signature(torch.onnx.export).parameters
    reasons = []
    for choice in ({"dynamo": False}, {"dynamo": True, "verbose": False}) if has_two else ({},):
        file = io.BytesIO()
        options: dict[str, Any] = {"input_names": names, "dynamic_axes": axes, **choice}
        try:
            with explain_errors("an exporter fails", ""):
                torch.onnx.export(module, inputs, file, **options)
        except UnreadableError as error:
            reasons.append(str(error))
            continue
        file.seek(0)
        return file
    raise UnreadableError(f"cannot be exported to ONNX: {'; '.join(reasons)}")
