"""What the reports of all commands say of a run, and phrases that several of them use."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ganinv_cli.clipping import RULES
from ganinv_cli.precision import Precision
from ganinv_cli.prior import Normal, Prior
from ganinv_cli.results.analysis.recoveries import DEFAULT, format_range, read_prior
from ganinv_cli.results.analysis.trial_sets import TrialSet
from ganinv_cli.results.number_format import format_duration
from ganinv_cli.results.report.table import Row, to_plain
from ganinv_cli.results.store.columns import TRIAL, is_trial_group
from ganinv_cli.results.store.rows import get_dtypes
from ganinv_cli.settings.names import list_trial_groups

if TYPE_CHECKING:
    from ganinv_cli.results.store import Image, Results

Number = TypeVar("Number", int, float)

PRECISION_NAMES = {precision.value: precision.description for precision in Precision}


TrialSets = Mapping[
    str, Sequence[TrialSet | None]
]  # by group, one for each case; None: it has no trial


def group_cells(
    trial_sets: Sequence[TrialSet], images: "Sequence[Image]", config: Mapping[str, Any]
) -> TrialSets:
    """Return the trial sets of each group of a run; its cases are the images that could be read."""
    numbers = [image.number for image in images if not image.error] if images else [None]
    by_group: dict[str, dict[int | None, TrialSet | None]]
    by_group = {name: dict.fromkeys(numbers) for name in list_trial_groups(config)}
    for trial_set in trial_sets:
        of = by_group.setdefault(trial_set.group, dict.fromkeys(numbers))
        of[trial_set.image.number if images else None] = trial_set
    return {name: [*of.values()] for name, of in by_group.items()}


def describe_run(results: "Results", trial_sets: TrialSets) -> Row:
    """Return provenance and totals."""
    attributes = dict(results.attributes)
    config = attributes.pop("config", {})
    for key in ("identity", "groups", "figures", "inputs_sha256"):
        attributes.pop(key, None)
    times = (attributes.get(key) for key in ("started", "finished"))
    started, finished = (datetime.fromisoformat(time) if time else None for time in times)
    groups = [group for name, group in results.groups.items() if is_trial_group(name)]
    asked = config.get("trials") or 0
    return attributes | {
        "config": config,
        "complete": results.complete,
        "trials": {name: sum(map(_count_trials, of)) for name, of in trial_sets.items()},
        "incomplete": [
            name
            for name, of in trial_sets.items()
            if any(_lacks_trials(each, asked) for each in of)
        ],
        "latent": next(
            (get_dtypes(of)["z_found"].shape[0] for of in groups if len(of[TRIAL])), None
        ),
        # from the first start to the end, pauses included
        "wall_seconds": (finished - started).total_seconds() if started and finished else None,
        # copies of other trials took none
        "solving_seconds": to_plain(
            sum(float(of["seconds"][of["shared"] == 0].sum()) for of in groups)
        ),
        # spent once, e.g. to measure the generator for the preconditioner; in no trial's count
        "prepared_gradients": to_plain(results.constants.get("shared_gradients")),
    }


def has_restarts(run: Row) -> bool:
    """Return whether a trial could have more than its first start, by its settings."""
    return bool(run["config"].get("restarts") != 0)


def _count_trials(trial_set: TrialSet | None) -> int:
    return trial_set.trials if trial_set else 0


def _lacks_trials(trial_set: TrialSet | None, asked: int) -> bool:
    """Return whether a case lacks trials; with a certificate of all of its own it does not."""
    return _count_trials(trial_set) < asked and not (trial_set and trial_set.whole_certificate)


def make_run_notes(run: Row) -> list[str]:
    """Return sentences on the generator, on the settings and on the prior."""
    notes = [
        *make_run_remarks(run),
        state_settings(run),
        _state_rounding(run),
        _state_plain_loss(run["config"]),
        _state_prior(read_prior(run["config"])),
    ]
    return [note for note in notes if note]


def make_run_remarks(run: Row) -> list[str]:
    """Return the sentences that everybody should read, at the end of a command too."""
    remarks = [_state_doubt(run), state_preparation(run), _state_stuck(run)]
    return [remark for remark in remarks if remark]


def _state_doubt(run: Row) -> str:
    """Return why the generator is not confirmed, as a sentence; empty if it is."""
    doubt = (run.get("generator") or {}).get("doubt")
    return f"The generator is not confirmed: {doubt}." if doubt else ""


def state_preparation(run: Row) -> str:
    """Return a sentence on the gradients that were spent once; empty if none were."""
    prepared = run["prepared_gradients"] if run.get("command") != "invert" else None  # no costs
    return f"Prepared once: {prepared:,.0f} gradients, in no trial's count." if prepared else ""


def list_stuck_rules(config: Row) -> list[str]:
    """Return the rules of a run that act only if a start is stuck, as L-BFGS applies them."""
    rules = config.get("clip", ()) if config.get("solver") == "lbfgs" else ()
    return [rule for rule in rules if rule in RULES and RULES[rule].replacing]


def _state_stuck(run: Row) -> str:
    """Return a sentence on compared rules that are not the paper's, as L-BFGS applies them."""
    rules = " and ".join(list_stuck_rules(run["config"]))
    if not rules or len(run["config"]["clip"]) == 1:
        return ""
    return f"With L-BFGS {rules} clipping acts only if a start is stuck."


def state_progress(run: Row, trial_sets: TrialSets) -> str:
    """Return words before the answer of a run that lacks trials; empty if it lacks none."""
    if run["complete"] and not run["incomplete"]:
        return ""
    asked = run["config"].get("trials")
    every = [_count_trials(trial_set) for of in trial_sets.values() for trial_set in of]
    total = f" of {asked:,}" if asked is not None else ""
    return f"so far (not finished: {describe_span(every or [0], '{:,}'.format)}{total} trials): "


def state_settings(run: Row) -> str:
    """Return a sentence on the settings; those that the file does not have are left out."""
    config = run["config"]
    parts = {
        "checkpoint": _name_checkpoint(run),
        "label": config.get("label"),
        "solver": _name_solver(config),
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


def _state_rounding(run: Row) -> str:
    """Return a sentence if another run of the command may differ in the last digits of z."""
    config, device = run["config"], run.get("device") or ""
    if device.startswith("GPU"):
        return "z is not reproducible to the bit: a GPU may add numbers in another order."
    is_coupled, is_alone = config.get("batch_norm") == "batch", config.get("batch_size") == 1
    if run.get("command") == "noise-sweep" or is_coupled or is_alone:
        return ""
    return (
        "z may differ in its last digits in another run: rounding can depend on how many trials "
        "share a batch (docs/scaling.md)."
    )


def _state_plain_loss(config: Row) -> str:
    """Return a sentence if the solver could have had a preconditioner and had none."""
    if _get_solver_settings(config).get("metric") != 0:
        return ""
    return (
        f"There was no preconditioner ([{config['solver']}] metric = 0), by choice or because "
        "J = dG/dz is too large (docs/solvers.md). So trials take more gradients, and they "
        "converge by the image loss, without a bound on the error of z."
    )


def _state_prior(prior: Prior) -> str:
    """Return a sentence on the prior of z; empty for the paper's."""
    if prior == DEFAULT:
        return ""
    if isinstance(prior, Normal):
        return (
            f"z is drawn from a normal prior with σ = {prior.sigma:g}, cut at ±{prior.high:.3g}: "
            f"this keeps {100 * prior.inside:.10g} % of a component's draws."
        )
    return f"z is drawn from a prior that is uniform in {format_range(prior)}."


def _name_solver(config: Row) -> str | None:
    name: str | None = config.get("solver")
    settings = _get_solver_settings(config)
    if "rate" not in settings:
        return name
    halving = settings.get("halve_every")
    halved = f", halved every {halving:,} updates" if halving else ""
    momentum = f", momentum {settings['momentum']:g}" if settings.get("momentum") else ""
    return f"{name} (rate {settings['rate']:g}{halved}{momentum})"


def _get_solver_settings(config: Row) -> Row:
    """Return the settings of the solver of a run, as far as its file has them."""
    settings = config.get(config.get("solver", ""))
    return settings if isinstance(settings, dict) else {}  # an edited file can name any setting


def _name_checkpoint(run: Row) -> str:
    name, sha256 = run["config"].get("checkpoint"), run.get("checkpoint_sha256")
    known = [Path(name).name if name else "", f"(sha256 {sha256[:12]})" if sha256 else ""]
    return " ".join(filter(None, known))


def describe_rule(rule: str) -> str:
    """Return "without clipping" or "with standard clipping"."""
    return "without clipping" if rule == "none" else f"with {rule} clipping"


def describe_span(values: Sequence[Number], format_end: Callable[[Number], str]) -> str:
    """Return the range of numbers as "67" or "66 to 67"."""
    ends = dict.fromkeys(format_end(value) for value in (min(values), max(values)))
    return " to ".join(ends)
