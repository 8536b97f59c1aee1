"""What made the results: this package, its libraries, its revision."""

import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ganinv_cli.network.generator import Generator
from ganinv_cli.settings.config import Config, identity_settings
from ganinv_cli.solvers.solver import Solver
from ganinv_cli.store import Provenance

PACKAGES = ("ganinv", "tensorflow", "numpy", "h5py")


def make_provenance(
    command: str,
    config: Config,
    solver: Solver,
    generator: Generator,
    device: str,
    extra: Mapping[str, Any] | None = None,
    precision: str = "float32",
) -> Provenance:
    """The provenance of a run that starts now, with every setting of its solver.

    `more` is what else decides the results, such as hashes of its images; `precision` is that of
    the gradients, as in `Machine`.
    """
    settings = {key: value for key, value in asdict(config).items() if key != "solver_tables"}
    settings |= {config.solver: asdict(solver), "prior": str(generator.prior), **(extra or {})}
    return Provenance(
        command=command,
        config=settings,
        identity=identity_settings(settings),
        checkpoint_sha256=generator.sha256,
        versions={package: version(package) for package in PACKAGES},
        device=device,
        precision=precision,
        seed=config.seed,
        git=_read_git_revision(),
    )


def _read_git_revision() -> str:
    """The revision of the checkout this package runs from; empty where it was installed."""
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists():
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
