"""Read generators that Keras 2 or 3 saved: .keras, .h5 and .weights.h5.

`vet` rebuilds the config from classes that only compute, `load` lets Keras build the model,
`translate` makes the layers of network/ and verifies them, and what it does not know is traced. No
code in a file is run.
"""

from pathlib import Path

from ganinv_cli.formats.interface import FileFacts, Format, UnfinishedGenerator
from ganinv_cli.settings.conventions import Conventions


def read(path: Path, conventions: Conventions) -> UnfinishedGenerator:
    """Return the generator of a file, or of a file of weights with its config beside it."""
    # in the body: they load Keras
    from ganinv_cli.formats.keras.load_model import load_model
    from ganinv_cli.formats.keras.translate_model import translate_or_trace

    model, name, ignored = load_model(path)
    return translate_or_trace(model, name, str(path), ignored)


def _recognises(facts: FileFacts) -> bool:
    return facts.first_bytes.startswith(b"\x89HDF\r\n\x1a\n") or "config.json" in facts.members


FORMAT = Format("Keras", read, _recognises, is_whole_model=True)
