"""Generators in TensorFlow checkpoints, V1 and V2: a DCGAN of TF1 programs, or objects of TF2."""

from pathlib import Path

from ganinv_cli.errors import CheckpointError
from ganinv_cli.formats.reading import Conventions, Found, UnreadableError
from ganinv_cli.formats.tensorflow import dcgan, dcgan_conditional, dcgan_names, object_models
from ganinv_cli.formats.tensorflow import files as tf_files
from ganinv_cli.formats.tensorflow import index as tf_index
from ganinv_cli.formats.tensorflow.tensors import Tensors


def read(path: Path, conventions: Conventions) -> Found:
    """The generator of a checkpoint in layout A, B or C, or of objects.

    `path` is a folder, a prefix (`DCGAN.model-60502`), one of the checkpoint's files, the state
    file `checkpoint`, or a V1 file. Everything but the generator is ignored, and listed.
    Raises CheckpointError.
    """
    prefix, version = tf_files.find(path)
    try:
        if version == "V2":
            tf_index.check(prefix.with_name(f"{prefix.name}.index"))
        tensors = Tensors(prefix)
        if dcgan_names.OBJECT_GRAPH in tensors.shapes:
            return object_models.found(prefix, tensors, conventions)
        names = dcgan_names.match(tensors.shapes)
        network = (dcgan_conditional if names.second else dcgan).network(
            tensors, names, conventions
        )
    except UnreadableError as error:
        raise CheckpointError(f"{prefix}: {error}") from None
    ignored = tuple(sorted(set(tensors.shapes) - set(names.used())))
    return Found(
        network, f"TensorFlow {version}", names.layout, str(prefix), ignored, prior="uniform"
    )
