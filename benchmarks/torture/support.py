"""The builders of tests/support: small generators in every format."""

import importlib
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SUPPORT = ROOT / "tests" / "support"


def load_support(name: str) -> Any:
    """Return a module of tests/support."""
    if str(SUPPORT) not in sys.path:
        sys.path.insert(0, str(SUPPORT))
    return importlib.import_module(name)


def write_checkpoint(folder: Path, name: str = "g", **shape: Any) -> Path:
    """Write a tiny TensorFlow checkpoint; return its prefix."""
    builders = load_support("builders")
    weights = builders.make_weights(**({"latent": 4, "widths": (2, 2)} | shape))
    return Path(builders.save_checkpoint(folder, builders.rename_arrays(weights, "C"), name))


def run_ganinv(folder: Path, *arguments: str) -> None:
    """Run a command in this process, in a folder, as the tests do."""
    load_support("called").run_ganinv(folder, *arguments)
