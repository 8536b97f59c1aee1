"""TensorFlow SavedModels and frozen graphs, run operation by operation, with pure operations only.

They are written by Keras' `export`, `tf.saved_model.save`, and TensorFlow 1's builder.
"""

from pathlib import Path

from ganinv_cli.formats.interface import FileFacts, Format, UnfinishedGenerator
from ganinv_cli.settings.conventions import Conventions

GRAPH_FILE = "saved_model.pb"


def read(path: Path, conventions: Conventions) -> UnfinishedGenerator:
    """Return the generator of a SavedModel's folder, of its saved_model.pb, or of a frozen .pb.

    The signature is serving_default, or the only one. Variables that the picture does not need are
    ignored, and listed. Raises UnreadableError.
    """
    from ganinv_cli.formats.saved_model.reader import read_graph_file

    return read_graph_file(path / GRAPH_FILE if path.is_dir() else path)


def _recognises(facts: FileFacts) -> bool:
    if facts.path.is_dir():
        return (facts.path / GRAPH_FILE).exists()
    return facts.path.suffix == ".pb"


FORMAT = Format("a SavedModel", read, _recognises, is_whole_model=True)
