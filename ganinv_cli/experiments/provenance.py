"""Provenance of results: settings, library versions, hash of the generator, revision."""

import subprocess
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ganinv_cli.network.generator import Generator
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.load import identity_settings
from ganinv_cli.solvers.solver import Solver
from ganinv_cli.store import Provenance

ROOT = Path(__file__).resolve().parents[2]
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
    """Return the provenance of a run that starts now.

    Its config has every setting of the solver that is given or has a default. `extra` are further
    inputs that decide the results, such as a hash of the mask.
    """
    settings = {key: value for key, value in asdict(config).items() if key != "solver_tables"}
    solver_settings = {key: value for key, value in asdict(solver).items() if value is not None}
    settings |= {config.solver: solver_settings, "prior": str(generator.prior), **(extra or {})}
    return Provenance(
        command=command,
        config=settings,
        identity=identity_settings(settings),
        checkpoint_sha256=generator.sha256,
        generator=dict(generator.origin),
        versions={package: version(package) for package in PACKAGES},
        device=device,
        precision=precision,
        seed=config.seed,
        git=read_git_revision(),
    )


def read_git_revision(root: Path = ROOT) -> str:
    """Return the revision of the checkout that this package runs from; empty if installed.

    It ends in -dirty if a tracked file outside docs/, where results are kept, has changed.
    """
    if not (root / ".git").exists():
        return ""
    revision = _run_git(root, "describe", "--always", "--abbrev=12")
    changed = _run_git(root, "status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs")
    return f"{revision}-dirty" if revision and changed else revision


def _run_git(root: Path, *options: str) -> str:
    """Return the output of git, empty if it fails or is missing."""
    command = ["git", "-C", str(root), *options]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
