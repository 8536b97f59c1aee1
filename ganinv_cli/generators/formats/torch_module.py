"""Generators that PyTorch runs: a module of this program, TorchScript, and torch.export's `.pt2`.

PyTorch exports them to ONNX in memory, and its own pictures verify what was read. It is the user's
installation: a module of the program brings it, and a file, which is a program, needs --trust.
"""

import inspect
import io
import itertools
import logging
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganinv_cli.errors import shorten_error
from ganinv_cli.files import hide_output
from ganinv_cli.generators.formats.boundary import explain_reading_errors, list_reading_errors
from ganinv_cli.generators.formats.complete import complete_generator
from ganinv_cli.generators.formats.interface import (
    IMAGE_NETWORK,
    MIN_SIDE,
    TORCH_SCRIPT,
    FileFacts,
    UnfinishedGenerator,
    UnreadableError,
)
from ganinv_cli.generators.formats.onnx import trace_model
from ganinv_cli.generators.formats.user_code import explain_errors
from ganinv_cli.generators.network.definition import Definition
from ganinv_cli.generators.network.graph import TracedNetwork
from ganinv_cli.generators.network.operations.generator import TracedGenerator
from ganinv_cli.prior import make_normal
from ganinv_cli.settings.conventions import Conventions

ROWS = 3  # latent vectors of the example with which a module is exported, if it takes any number
# Those for which the pictures are compared, in pairs: the export has the branch of the example
# alone, so a module whose branch depends on z, or on its batch, makes others for some pair.
CHECKED = 64
TOLERANCE = 1e-4  # largest difference of a picture, whose values are -1 to 1
_STATE_DICT = "; save its weights, torch.save(netG.state_dict(), 'netG.pt'), and load that file"
_ROUTE = "exported to ONNX"
_WRAPPERS = ("module", "_orig_mod")  # of DataParallel, and of torch.compile


class _Inputs(NamedTuple):
    """What a module takes: z, and a label if there are any."""

    shape: tuple[int, ...]  # of one z
    labels: int
    label_shape: tuple[int, ...]  # of one label: () a number, else one-hot
    device: Any
    rows: int  # of the example with which it is exported
    part: int  # rows of a batch of the pictures that verify the export

    def draw(self, count: int) -> tuple[Any, ...]:
        """Return random z and, one after the other, the labels."""
        import torch

        z = torch.randn((count, *self.shape), generator=torch.Generator().manual_seed(count))
        labels = torch.arange(count) % max(self.labels, 1)
        if self.label_shape:
            one_hot = torch.nn.functional.one_hot(labels, self.labels).float()
            labels = one_hot.reshape(count, *self.label_shape)
        inputs = (z, labels) if self.labels else (z,)
        return tuple(each.to(self.device) for each in inputs)


def is_module(source: Any) -> bool:
    """Return whether an object is a torch.nn.Module, as one of TorchScript is."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(source, torch.nn.Module)


def read_module(module: Any, labels: int, conventions: Conventions) -> Definition:
    """Return a torch.nn.Module as a generator; without a size of z, as its first weights say.

    It is put into evaluation mode for the call. Raises CheckpointError if it is not a generator of
    images or cannot be exported, ConfigError for a wrong convention.
    """
    while type(module).__name__ in ("DataParallel", "DistributedDataParallel", "OptimizedModule"):
        module = next(getattr(module, name) for name in _WRAPPERS if hasattr(module, name))
    name = f"the module {getattr(module, 'original_name', type(module).__name__)}"
    with explain_reading_errors(name, "a generator"):
        network = _trace_module(module, conventions.latent_shape, labels)
        generator = UnfinishedGenerator(network, f"PyTorch module, {_ROUTE}", "traced", name)
        return complete_generator(generator, conventions)


def read(path: Path, conventions: Conventions) -> UnfinishedGenerator:
    """Return the generator of a TorchScript or torch.export file. Raises UnreadableError."""
    is_script = FileFacts(path).has_member(TORCH_SCRIPT)
    loading, settings = (
        ("torch.jit.load({})", "dynamic_axes={'z': {0: 'n'}}, dynamo=False")
        if is_script
        else ("torch.export.load({}).module()", "dynamo=True")  # its rows may be fixed
    )
    export = (
        f"with PyTorch: import torch; netG = {loading.format(repr(path.name))}; "
        "z = torch.randn(1, 100, 1, 1), or in the shape that netG takes; "
        f"torch.onnx.export(netG, z, 'generator.onnx', input_names=['z'], {settings})"
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
        if is_script:
            module, shape, rows = torch.jit.load(str(path), map_location="cpu"), (), 1
        else:
            program = torch.export.load(str(path))
            rows, *shape = program.example_inputs[0][0].shape
            module = program.module()
    kind = "TorchScript" if is_script else "torch.export"
    network = _trace_module(module, conventions.latent_shape or tuple(shape), 0, rows)
    return UnfinishedGenerator(network, f"{kind}, {_ROUTE}", "traced", str(path))


def _trace_module(
    module: Any, latent_shape: tuple[int, ...], labels: int, rows: int = 1
) -> TracedNetwork:
    """Return the first export that makes the module's pictures. Raises UnreadableError.

    `rows` is the size of a batch that a program may be limited to.
    """
    import torch

    failures: list[str] = []
    refusals: list[str] = []
    with _evaluate(module):
        inputs = _find_inputs(module, latent_shape, labels, rows)
        z, numbers, pictures = _make_checked_pictures(module, inputs)
        example = inputs.draw(inputs.rows)
        for options in _list_exports(["z", "label"][: len(example)]):
            file = io.BytesIO()
            try:
                with explain_errors("an exporter fails", ""):
                    torch.onnx.export(module, example, file, **options)
            except UnreadableError as error:
                failures.append(str(error))
                continue
            file.seek(0)
            try:
                network, _ = trace_model(file)
                _compare_pictures(network, z, numbers, pictures)
            except UnreadableError as error:
                refusals.append(str(error))
            except list_reading_errors() as error:
                refusals.append(f"makes an ONNX file that cannot be read ({shorten_error(error)})")
            else:
                return network
    failure = f"cannot be exported to ONNX: {'; '.join(dict.fromkeys(failures))}"
    raise UnreadableError(f"{refusals[0] if refusals else failure}{_STATE_DICT}")


def _list_exports(names: list[str]) -> Iterator[dict[str, Any]]:
    """Yield the options of each export: by which exporter, for any number of rows or the example's.

    The number of the example, if it became a constant as by len(z), is read as any number.
    """
    import torch

    has_two = "dynamo" in inspect.signature(torch.onnx.export).parameters
    for exporter in ({"dynamo": False}, {"dynamo": True, "verbose": False}) if has_two else ({},):
        for axes in ({name: {0: "n"} for name in names}, None):
            yield {"input_names": names, "dynamic_axes": axes, **exporter}


def _compare_pictures(
    network: TracedNetwork, z: np.ndarray, labels: np.ndarray | None, pictures: np.ndarray
) -> None:
    generator = TracedGenerator(network, make_normal(network.latent))
    difference = float(np.abs(generator.render(z, ROWS, labels=labels) - pictures).max())
    if not difference <= TOLERANCE * max(1.0, float(np.abs(pictures).max())):
        raise UnreadableError(
            f"makes other pictures when it is exported to ONNX (they differ by {difference:.2g}): "
            "does it draw random numbers, or decide by the values of z?"
        )


def _make_checked_pictures(
    module: Any, inputs: _Inputs
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Return random z (n, latent), their labels (n,), and pictures (n, height, width, channels)."""
    import torch

    count = max(CHECKED // inputs.part, 1) * inputs.part
    given = inputs.draw(count)
    parts = zip(*(each.split(inputs.part) for each in given), strict=True)
    pictures = torch.cat([_make_pictures(module, part) for part in parts])
    labels = np.arange(count, dtype=np.int32) % inputs.labels if inputs.labels else None
    return given[0].cpu().numpy().reshape(count, -1), labels, pictures.cpu().numpy()


@contextmanager
def _evaluate(module: Any) -> Iterator[None]:
    """Put a module into evaluation mode for the block, in which PyTorch prints nothing."""
    import torch

    modes = [(each, each.training) for each in module.modules()]
    disabled, silence = logging.root.manager.disable, io.StringIO()
    with (
        torch.no_grad(),
        warnings.catch_warnings(),
        redirect_stdout(silence),
        redirect_stderr(silence),
        hide_output(1),
        hide_output(2),
    ):
        warnings.simplefilter("ignore")
        logging.disable()
        try:
            for each, _ in modes:
                each.training = False
            yield
        finally:
            logging.disable(disabled)
            for each, mode in modes:
                each.training = mode


def _find_inputs(module: Any, latent_shape: tuple[int, ...], labels: int, rows: int) -> _Inputs:
    """Return inputs that a module makes pictures of, by trial. Raises UnreadableError."""
    import torch

    weights = [each for each in module.parameters() if each.ndim >= 2]
    first = weights[0] if weights else torch.zeros(0, 0)
    if weights and first.dtype != torch.float32:
        raise UnreadableError(f"computes in {first.dtype}; give it in float32, e.g. netG.float()")
    sizes = latent_shape or dict.fromkeys(n for w in weights[:3] for n in w.shape[:2])
    batches = dict.fromkeys(((ROWS, 2), (1, 1), (rows, rows)))
    ranks = ((1, 1), ()) if first.ndim == 4 else ((), (1, 1))  # the likelier one first
    shapes = [(size, *ones) for size in sizes for ones in ranks]
    if len(latent_shape) > 1:
        shapes = [latent_shape]
    refusals = []
    label_shapes = [(), (labels,), (labels, 1, 1)] if labels else [()]
    for batch, shape, label_shape in itertools.product(batches, shapes, label_shapes):
        inputs = _Inputs(shape, labels, label_shape, first.device, *batch)
        try:
            pictures = [_make_pictures(module, inputs.draw(count)) for count in batch]
        except UnreadableError as error:
            refusals.append(str(error))
            continue
        if pictures[0].shape[1:] == pictures[1].shape[1:]:
            return inputs
    raise UnreadableError(_explain_refusals(first, list(sizes), refusals))


def _explain_refusals(first: Any, sizes: list[int], refusals: list[str]) -> str:
    """Return why no z made pictures, and what to do; `first` are a module's first weights."""
    if first.ndim == 4 and first.shape[1] in (1, 3) and first.shape[2] > 1:
        return IMAGE_NETWORK
    returned = [each for each in refusals if each.startswith("returns")]
    if returned:
        return (
            f"{returned[0]}; expected one picture (n, 1 or 3, height, width) per z: give the "
            "generator, not the discriminator, or a module that returns the pictures alone"
        )
    reason = refusals[0] if refusals else "has no weights that tell the size of z"
    if re.search(r"forward\(\).* argument", reason):
        return (
            f"{reason}; for a label give the number of labels, ganinv.load(netG, labels=10), for "
            "another argument a module whose forward takes z alone"
        )
    tried = f", tried with {' and '.join(map(str, sizes))}" if sizes else ""
    return f"{reason}; give the number of components of z{tried}: ganinv.load(netG, latent=100)"


def _make_pictures(module: Any, inputs: tuple[Any, ...]) -> Any:
    """Return a tensor (n, height, width, channels). Raises UnreadableError."""
    with explain_errors("fails", ""):
        output = module(*inputs)
    parts = list(output.values()) if isinstance(output, dict) else output
    parts = parts if isinstance(parts, list | tuple) else [parts]
    shapes = [tuple(getattr(part, "shape", ())) for part in parts]
    pictures = [
        part if shape[3] in (1, 3) else part.permute(0, 2, 3, 1)
        for part, shape in zip(parts, shapes, strict=True)
        if len(shape) == 4 and shape[0] == len(inputs[0]) and {shape[1], shape[3]} & {1, 3}
    ]
    if len(pictures) == 1 and min(pictures[0].shape[1:3]) >= MIN_SIDE:
        return pictures[0]
    raise UnreadableError(f"returns {' and '.join(map(str, shapes))}")
