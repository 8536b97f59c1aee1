"""Provenance of results: settings, library versions, hash of the generator, revision."""

import hashlib
import os
import subprocess
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from ganinv_cli.encoder.model import Encoder
from ganinv_cli.encoder.public_encoder import PublicEncoder
from ganinv_cli.engine.engine import Engine
from ganinv_cli.experiments.experiment import Request
from ganinv_cli.experiments.plan import Plan
from ganinv_cli.results.store import Provenance
from ganinv_cli.settings.declare import list_settings
from ganinv_cli.settings.load import identity_settings

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ganinv", "tensorflow", "numpy", "h5py")
GIT_SECONDS = 10.0  # that git may take; a folder on a network may never answer


def make_provenance(
    request: Request, plan: Plan, engine: Engine, encoder: Encoder | PublicEncoder | None
) -> Provenance:
    """Return the provenance of a run that starts now.

    Its config has every setting of the solver that is given or has a default, and further inputs
    that decide the results, such as a hash of the mask.
    """
    config, generator = plan.config, engine.generator
    declared = list_settings(type(config)).values()
    left_out = {"solver_tables", *(each.name for each in declared if each.resume == "shown")}
    settings = {key: value for key, value in asdict(config).items() if key not in left_out}
    solver = {key: value for key, value in asdict(plan.solver).items() if value is not None}
    settings |= {config.solver: solver, "prior": str(generator.prior), **plan.identity}
    if generator.draws is not None:
        settings["latents_sha256"] = hashlib.sha256(generator.draws.tobytes()).hexdigest()
    if encoder:
        settings["encoder_sha256"] = encoder.sha256
    cases = [name for name in plan.cases.values() if name]
    return Provenance(
        command=request.experiment.command,
        config=settings | ({"cases": cases} if cases else {}),
        identity=identity_settings(request.experiment.config, settings),
        checkpoint_sha256=generator.sha256,
        latent_shape=generator.latent_shape if len(generator.latent_shape) > 1 else None,
        generator=dict(generator.origin),
        versions={package: version(package) for package in PACKAGES},
        device=engine.machine.device,
        precision=plan.objective.precision.value,
        seed=config.seed,
        git=read_git_revision(),
        inputs_sha256=request.inputs_sha256,
    )


def read_git_revision(root: Path = ROOT) -> str:
    """Return the revision of the checkout that this package runs from; empty if installed.

    It ends in -dirty if a tracked file outside docs/, where results are kept, has changed, and is
    "unknown" if git is missing, fails or does not answer.
    """
    if not (root / ".git").exists():
        return ""
    try:
        revision = _run_git(root, "describe", "--always", "--abbrev=12")
        tracked = ("--porcelain", "--untracked-files=no", "--", ".", ":!docs")
        changed = _run_git(root, "status", *tracked)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{revision}-dirty" if changed else revision


def _run_git(root: Path, *options: str) -> str:
    """Return the output of git on the checkout at `root`, whoever owns it: its code runs here."""
    run = subprocess.run(
        ["git", "-c", f"safe.directory={root}", "-C", str(root), *options],
        env={name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=GIT_SECONDS,
    )
    return run.stdout.strip()
