"""Reading generators from the files that other programs wrote, one module a format."""

from pathlib import Path

from ganinv_cli.formats.checkpoint import Checkpoint


def read(path: str | Path) -> Checkpoint:
    """The generator at `path`: a TensorFlow checkpoint of a DCGAN, V1 or V2.

    A file is data: nothing in it is executed and its sizes are bounded. Raises CheckpointError,
    which says what was found, what was expected and what to try.
    """
    from ganinv_cli.formats import tf_checkpoint  # in the body: it imports TensorFlow

    return tf_checkpoint.read(Path(path))
