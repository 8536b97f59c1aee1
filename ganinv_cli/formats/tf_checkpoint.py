"""DCGAN generators in TensorFlow checkpoints, V1 and V2, as TF1 programs wrote them."""

from pathlib import Path

from ganinv_cli.errors import CheckpointError
from ganinv_cli.formats import dcgan, dcgan_names, tf_files, tf_index
from ganinv_cli.formats.checkpoint import Checkpoint, UnreadableError
from ganinv_cli.formats.tf_tensors import Tensors


def read(path: Path) -> Checkpoint:
    """The generator of a checkpoint in layout A, B or C.

    `path` is a folder, a prefix (`DCGAN.model-60502`), one of the checkpoint's files, the state
    file `checkpoint`, or a V1 file. Everything but the generator is ignored, and listed.
    Raises CheckpointError.
    """
    prefix, version = tf_files.find(path)
    try:
        if version == "V2":
            tf_index.check(prefix.with_name(f"{prefix.name}.index"))
        tensors = Tensors(prefix)
        names = dcgan_names.match(tensors.shapes)
        layers = dcgan.layers(tensors, names)
    except UnreadableError as error:
        raise CheckpointError(f"{prefix}: {error}") from None
    ignored = tuple(sorted(set(tensors.shapes) - set(names.used())))
    return Checkpoint(layers, f"TensorFlow {version}", names.layout, str(prefix), ignored)
