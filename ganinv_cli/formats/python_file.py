"""Read generators that are functions in a Python file, by running the file; only if it is trusted.

The file defines `LATENT`, and `generate(z)` of TensorFlow tensors; for labels, `LABELS` and
`generate(z, label)`. `PRIOR` is optional. The function is traced, so workers do not need the file.
"""

import runpy
from functools import partial
from pathlib import Path

from ganinv_cli.formats.detect import FileFacts, Format
from ganinv_cli.formats.interface import UnfinishedGenerator, UnreadableError
from ganinv_cli.settings.conventions import Conventions


def read(path: Path, conventions: Conventions) -> UnfinishedGenerator:
    """Return the generator that a Python file defines. Raises UnreadableError."""
    if not conventions.trust:
        raise UnreadableError(
            "is a Python file, which must be run to get its generator; --trust runs it"
        )
    from ganinv_cli.formats.traced.user_code import explain_errors, run_beside, trace_user_function

    explain = partial(explain_errors, advice="; correct the file (-v shows the line)")
    with run_beside(path):
        with explain("does not run"):
            names = runpy.run_path(str(path.absolute()))
        if not callable(names.get("generate")) or "LATENT" not in names:
            raise UnreadableError(
                "does not define both generate and LATENT; define a function generate(z) of "
                "TensorFlow tensors, and LATENT = 100 for 100 values in z"
            )
        with explain("has a wrong LATENT or LABELS"):
            latent, labels = int(names["LATENT"]), int(names.get("LABELS", 0))
        network = trace_user_function(
            names["generate"], latent, labels, partial(explain, "has a generate that fails")
        )
    prior = str(names.get("PRIOR", ""))
    return UnfinishedGenerator(network, "Python", "traced", str(path), prior=prior)


def _recognises(facts: FileFacts) -> bool:
    return facts.path.suffix == ".py" and facts.is_file


FORMAT = Format("a Python file", read, _recognises, needs_tensorflow=False, is_whole_model=True)
