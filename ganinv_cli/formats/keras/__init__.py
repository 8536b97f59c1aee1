"""Read generators that Keras 1, 2 or 3 saved, without Keras: config and weights are data.

The suffixes are .keras, .h5 and .weights.h5. Each layer is translated to a layer of network/; an
unknown layer is refused, and no code in a file is run, unless the file is trusted.
"""

from pathlib import Path

from ganinv_cli.formats.detect import FileFacts, Format
from ganinv_cli.formats.interface import UnfinishedGenerator
from ganinv_cli.settings.conventions import Conventions


def read(path: Path, conventions: Conventions) -> UnfinishedGenerator:
    """Return the generator of a file, or of a file of weights with its config beside it.

    If the model has an unknown layer and the file is trusted, Keras loads it. Raises
    UnreadableError.
    """
    from ganinv_cli.formats.keras import files, translate  # in the body: they load h5py
    from ganinv_cli.formats.keras.layer_settings import UntranslatedError

    try:
        with files.open_keras_file(path) as file:
            return translate.translate_file(path, file)
    except UntranslatedError:
        if not conventions.trust:
            raise
    from ganinv_cli.formats.keras import trace  # here: it loads Keras

    return trace.read(path)


def _recognises(facts: FileFacts) -> bool:
    return facts.first_bytes.startswith(b"\x89HDF\r\n\x1a\n") or "config.json" in facts.members


FORMAT = Format("Keras", read, _recognises, is_whole_model=True)
