"""The description of a run, for the reports of all commands."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ganinv_cli.report.output.number_format import format_duration
from ganinv_cli.report.rows import Json, finite_or_none
from ganinv_cli.report.shared.prior import describe_prior, read_prior
from ganinv_cli.statistics import Floats
from ganinv_cli.store.rows import get_row_shape

if TYPE_CHECKING:
    from ganinv_cli.store import Results

Group = Mapping[str, NDArray[Any]]  # columns of one group, one row per trial that was run
Pixels = NDArray[np.uint8]  # (height, width, channels)

PRECISION_NAMES = {"float32": "float32", "mixed": "bfloat16 then float32"}
MAX_LISTED_GROUPS = 4  # with more groups, trials are not counted for each group


def describe_run(results: "Results", group_names: Iterable[str]) -> Json:
    """Return provenance and totals; a group of `group_names` that is not stored has 0 trials."""
    attributes = dict(results.attributes)
    config = attributes.pop("config", {})
    for key in ("identity", "groups", "figures"):
        attributes.pop(key, None)
    started, finished = attributes.get("started"), attributes.get("finished")
    wall = None
    if started and finished:
        wall = (datetime.fromisoformat(finished) - datetime.fromisoformat(started)).total_seconds()
    groups = {name: group for name, group in results.groups.items() if "seconds" in group}
    trials = dict.fromkeys(group_names, 0) | {name: len(of["trial"]) for name, of in groups.items()}
    seconds = (_sum_seconds(group) for group in groups.values())
    return attributes | {
        "config": config,
        "complete": results.complete,
        "trials": trials,
        "incomplete": _list_incomplete(results, trials, config.get("trials")),
        "latent": _find_latent(groups),
        "wall_seconds": wall,  # from the first start to the end, pauses included
        "solving_seconds": finite_or_none(sum(seconds)),
    }


def _list_incomplete(results: "Results", trials: Mapping[str, int], asked: int | None) -> list[str]:
    """Return the groups that lack trials; an image with a certificate of all has all of its own."""
    return [
        name
        for name, count in trials.items()
        if count < (asked or 0) and count != _count_certified(results, name)
    ]


def _count_certified(results: "Results", group: str) -> int | None:
    certificate = results.groups.get(f"{group}/certificate")
    return None if certificate is None else int(certificate["recoveries"][-1])


def _sum_seconds(group: Group) -> float:
    """Return the seconds of a group's trials; copies of other trials took none."""
    seconds = group["seconds"]
    return float(np.sum(seconds[group["shared"] == 0] if "shared" in group else seconds))


def _find_latent(groups: Mapping[str, Group]) -> int | None:
    """Return the number of components of z, None if no trial has ended."""
    for group in groups.values():
        if len(group["trial"]) and "z_found" in group:
            return get_row_shape(group, "z_found")[0]
    return None


def share_gradients(results: "Results") -> float:
    """Return each trial's share of the gradients that the run spent once.

    All trials of the file share alike, of whatever rule, variance and image; 0 without a trial.
    """
    trials = sum(len(group["trial"]) for group in results.groups.values() if "seconds" in group)
    return float(results.constants.get("shared_gradients", 0)) / max(trials, 1)


def join_root_column(results: "Results", column: str, trials: NDArray[np.integer]) -> Floats:
    """Return a column of the root group for these trials, (trials,) float64; NaN if it has none."""
    root = results.groups.get("", {})
    values = np.full(len(trials), np.nan)
    if column in root:
        _, there, here = np.intersect1d(root["trial"], trials, True, return_indices=True)
        values[here] = root[column][there]
    return values


def make_run_notes(run: Json) -> list[str]:
    """Return sentences on missing trials, on the settings and on the prior."""
    return [
        *_describe_missing(run),
        *_describe_doubt(run),
        _describe_settings(run),
        *_describe_plain_loss(run["config"]),
        *describe_prior(read_prior(run["config"]), run["latent"]),
    ]


def _describe_missing(run: Json) -> list[str]:
    """Return a sentence if a run is in progress, or has stopped without all its trials."""
    done, asked = run["trials"], run["config"].get("trials")
    least = min(done.values(), default=0)
    if run["complete"] and not run["incomplete"]:
        return []
    counts = [f"{name} {count:,}" for name, count in done.items()]
    if len(done) > MAX_LISTED_GROUPS:
        counts = [f"fewest {least:,}", f"most {max(done.values()):,}"]
    if len(set(done.values())) <= 1:
        counts = [f"{least:,}"]
    total = f" of {asked:,}" if asked is not None else ""
    start = "Trials are missing" if run["complete"] else "Run in progress"
    return [f"{start}: {', '.join(counts)}{total} trials so far."]


def _describe_doubt(run: Json) -> list[str]:
    """Return a sentence if the generator is not confirmed to be the one that was trained."""
    doubt = (run.get("generator") or {}).get("doubt")
    return [f"The generator is not confirmed: {doubt}."] if doubt else []


def _describe_settings(run: Json) -> str:
    """Return a sentence on the settings; those that the file does not have are left out."""
    config = run["config"]
    parts = {
        "checkpoint": _describe_checkpoint(run),
        "label": None if config.get("label", -1) == -1 else config["label"],
        "solver": _describe_solver(config),
        "seed": run.get("seed"),
        "trials": config.get("trials"),
        "batch norm": config.get("batch_norm"),
        "device": run.get("device"),
        "gradients": PRECISION_NAMES.get(run.get("precision", "")),
        "wall clock": format_duration(run["wall_seconds"]),
        "time in solvers": format_duration(run["solving_seconds"]),
    }
    phrases = (f"{word} {value}" for word, value in parts.items() if value not in (None, ""))
    return f"Run: {', '.join(phrases)}."


def _describe_plain_loss(config: Json) -> list[str]:
    """Return a sentence if `lbfgs` had no preconditioner."""
    if config.get("solver") != "lbfgs" or (config.get("lbfgs") or {}).get("metric") != 0:
        return []
    return [
        "There was no preconditioner ([lbfgs] metric = 0), by choice or because J = dG/dz is too "
        "large (docs/solvers.md). So trials take more gradients, and they converge by the image "
        "loss, without a bound on the error of z."
    ]


def _describe_solver(config: Json) -> str | None:
    """Return the solver's name, of gradient descent with its rate."""
    name: str | None = config.get("solver")
    settings = config.get("gd") or {}
    if name != "gd" or "rate" not in settings:
        return name
    halving = settings.get("halve_every")
    halved = f", halved every {halving:,} updates" if halving else ""
    return f"gd (rate {settings['rate']:g}{halved})"


def _describe_checkpoint(run: Json) -> str:
    name, sha256 = run["config"].get("checkpoint"), run.get("checkpoint_sha256")
    known = [Path(str(name)).name] if name else []
    return " ".join([*known, f"(sha256 {sha256[:12]})"] if sha256 else known)
