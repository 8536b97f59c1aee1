"""Generators in TensorFlow checkpoints, V1 and V2: a DCGAN of TF1 programs, or objects of TF2."""

from pathlib import Path

from ganinv_cli.generators.formats.interface import UnfinishedGenerator
from ganinv_cli.generators.formats.tensorflow.checkpoint_files import find_checkpoint
from ganinv_cli.settings.conventions import Conventions


def read(path: Path, conventions: Conventions) -> UnfinishedGenerator:
    """Return the generator of a checkpoint in layout A, B or C, or of objects.

    `path` is a folder, a prefix (`DCGAN.model-60502`), one of the checkpoint's files, the state
    file `checkpoint`, or a V1 file. Everything but the generator is ignored, and listed.
    Raises UnreadableError.
    """
    from ganinv_cli.generators.formats.tensorflow.dcgan import (
        read_dcgan,  # in the body: TensorFlow is slow
    )
    from ganinv_cli.generators.formats.tensorflow.tensors import (
        OBJECT_GRAPH,
        CheckpointTensors,
        read_objects,
    )

    prefix, version = find_checkpoint(path)
    tensors = CheckpointTensors(prefix)
    if OBJECT_GRAPH in tensors.shapes:
        return read_objects(tensors, str(prefix), conventions)
    return read_dcgan(tensors, version, str(prefix), conventions)
