"""Generators in TensorFlow checkpoints, V1 and V2: a DCGAN of TF1 programs, or objects of TF2."""

from pathlib import Path

from ganinv_cli.errors import CheckpointError
from ganinv_cli.formats.detect import FileFacts, Format
from ganinv_cli.formats.interface import UnfinishedGenerator, UnreadableError
from ganinv_cli.formats.tensorflow.checkpoint_files import find_checkpoint
from ganinv_cli.settings.conventions import Conventions


def read(path: Path, conventions: Conventions) -> UnfinishedGenerator:
    """Return the generator of a checkpoint in layout A, B or C, or of objects.

    `path` is a folder, a prefix (`DCGAN.model-60502`), one of the checkpoint's files, the state
    file `checkpoint`, or a V1 file. Everything but the generator is ignored, and listed.
    Raises CheckpointError.
    """
    from ganinv_cli.formats.tensorflow import (  # in the body: they load TensorFlow
        dcgan,
        dcgan_names,
        index,
        object_generator,
    )
    from ganinv_cli.formats.tensorflow.tensors import CheckpointTensors

    prefix, version = find_checkpoint(path)
    try:
        if version == "V2":
            index.check_index(prefix.with_name(f"{prefix.name}.index"))
        tensors = CheckpointTensors(prefix)
        if dcgan_names.OBJECT_GRAPH in tensors.shapes:
            return object_generator.find_generator(prefix, tensors, conventions)
        names = dcgan_names.match_names(tensors.shapes)
        network = dcgan.build_network(tensors, names, conventions)
    except UnreadableError as error:
        raise CheckpointError(f"{prefix}: {error}") from None
    ignored = tuple(sorted(set(tensors.shapes) - set(names.list_names())))
    return UnfinishedGenerator(
        network,
        f"TensorFlow {version}",
        names.layout,
        str(prefix),
        ignored,
        conventions=dcgan.list_conventions(names, conventions),
        prior="uniform",
    )


def _recognises(facts: FileFacts) -> bool:
    find_checkpoint(facts.path)  # raises CheckpointError with the missing file
    return True


FORMAT = Format("a TensorFlow checkpoint", read, _recognises, needs_tensorflow=True)
