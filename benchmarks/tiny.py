"""Generators so small that a run takes seconds, from the builders of the tests."""

import importlib
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def load_support(name: str) -> Any:
    """Return a module of tests/support, which builds small generators in every format."""
    folder = str(ROOT / "tests" / "support")
    if folder not in sys.path:
        sys.path.insert(0, folder)
    return importlib.import_module(name)


def write_checkpoint(folder: Path, **shape: Any) -> None:
    """Write the TensorFlow checkpoint `g`, a DCGAN with random weights."""
    builders = load_support("builders")
    weights = builders.make_weights(**({"latent": 4, "widths": (2, 2)} | shape))
    builders.save_checkpoint(folder, builders.rename_arrays(weights, "C"), "g")
