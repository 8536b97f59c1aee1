"""ganinv: which latent vector made this image?

    import ganinv_cli as ganinv

    G = ganinv.load("portraits64")
    r = ganinv.invert(G, "portrait.png")
    print(r.verdict, r.z)

Importing this module imports neither TensorFlow nor NumPy; each name is loaded when it is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ganinv_cli.experiments import NAMES as FUNCTIONS

if TYPE_CHECKING:
    from ganinv_cli.api.experiments import open_results as open  # noqa: A004 - as gzip.open
    from ganinv_cli.api.functions import *  # noqa: F403 - one for each experiment
    from ganinv_cli.api.results import Inversion, RunResults
    from ganinv_cli.errors import (
        CheckpointError,
        ConfigError,
        GaninvError,
        ImageError,
        ResultsError,
        UsageError,
    )
    from ganinv_cli.loaded_generator import LoadedGenerator, load

__all__ = [
    "CheckpointError",
    "ConfigError",
    "GaninvError",
    "ImageError",
    "Inversion",
    "LoadedGenerator",
    "ResultsError",
    "RunResults",
    "UsageError",
    "load",
    "open",
    *FUNCTIONS,
]

_PLACES = {
    "LoadedGenerator": "loaded_generator",
    "load": "loaded_generator",
    "Inversion": "api.results",
    "RunResults": "api.results",
    "open": "api.experiments",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("ganinv")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    place = "errors" if name.endswith("Error") else _PLACES.get(name, "api.functions")
    # `open` has another name in its module, since it would hide Python's own there
    return getattr(import_module(f"{__name__}.{place}"), "open_results" if name == "open" else name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
