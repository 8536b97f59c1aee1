"""Results of `noise-sweep`, `consistency` and `invert` with known answers."""

from dataclasses import replace

import numpy as np
from known_results import combine_groups, make_rule_group

from ganinv_cli.outcome import Outcome
from ganinv_cli.results import statistics
from ganinv_cli.results.analysis.evidence import gather_evidence
from ganinv_cli.results.analysis.recoveries import Recoveries, read_prior
from ganinv_cli.results.analysis.verdict import judge
from ganinv_cli.results.store import Figure
from ganinv_cli.results.store.columns import get_columns
from ganinv_cli.results.store.rows import concatenate_rows

VARIANCES = (0.001, 0.01, 0.1)
LATENT = 100
INFORMATION = 0.002  # tr((JᵀJ)⁻¹) / latent at every z
SIDE = 16
PIXELS = SIDE * SIDE * 3
EXACT, FAR = 1e-9, 50.0  # image losses
EXPLAINED = 2.0  # the largest loss of an image that `invert_on` says is explained
STRANGERS = 4
POLISH = {"radius": 0.02, "level": 0.2, "steps": 10}


def make_noise_sweep(trials=40, factors=None, complete=True, figures=True, **config):
    """z_error is factor · variance · INFORMATION · (.5 to 1.5 by trial, median 1), for each rule.

    So every slope is 1, and every ratio to the Cramér-Rao bound is the rule's factor.
    """
    factors = factors or {"none": 2.0, "stochastic": 1.0}
    number = np.arange(trials)
    spread = np.linspace(0.5, 1.5, trials)
    groups = {
        "": {
            "trial": number,
            "z_true": np.zeros((trials, LATENT), np.float32),
            "cramer_rao": np.full(trials, INFORMATION),
        }
    }
    for variance in config.get("variances", VARIANCES):
        for name, factor in factors.items():
            error = factor * variance * INFORMATION * spread
            z = np.sqrt(error)[:, None] * np.ones(LATENT)
            groups[f"variance={variance:g}/{name}"] = make_rule_group(
                z, 100 * variance, z_error=error
            )
    shown = {f"figure2b-variance={v:g}": _make_figure(v) for v in (0.01, 0.1)} if figures else {}
    asked = {"variances": list(VARIANCES), "clip": list(factors), "trials": trials}
    settings = asked | {"clip_pixels": False} | config
    settings["cases"] = [f"variance={each:g}" for each in settings["variances"]]
    return combine_groups("noise-sweep", groups, settings, complete, shown)


def make_image_results(
    command="consistency", complete=True, constants=None, counted=PIXELS, config=(), **given
):
    """`given` has the groups of each image by name, `portrait=make_image_groups(…)`.

    A string instead of groups says why the image was not read.
    """
    pieces = {}
    settings = {"clip": ["none", "stochastic"], "restarts": 4, "stationary": 1e-4, "polish": POLISH}
    settings |= {"images": len(given)} | dict(config)
    for number, (name, of) in enumerate(given.items()):
        error, of = (of, {}) if isinstance(of, str) else ("", of)
        row = {
            "name": np.array([name.encode()], "S255"),
            "sha256": np.array([b"ab" * 32], "S64"),
            "changes": np.array([b"cropped to a square"], "S255"),
            "error": np.array([error.encode()], "S255"),
            "target": make_picture(SIDE)[None],
            "pixels_counted": np.array([counted]),
        }
        for group, columns in {"images": row, **judge_certificates(of, counted, settings)}.items():
            rows = len(next(iter(columns.values())))
            numbered = {"image": np.full(rows, number)} | columns
            pieces.setdefault(group, []).append(numbered)
    groups = {group: concatenate_rows(each) for group, each in pieces.items()}
    return combine_groups(command, groups, settings, complete, constants=constants)


def judge_certificates(groups, counted, config):
    """The groups of an image; a certificate without a verdict gets the one that a run stores."""
    judged = dict(groups)
    prior, rounding = read_prior(config), statistics.rounding_residual(counted)
    for name in (name for name in groups if name.endswith("certificates")):
        certificate = groups[name]
        if "verdict" not in certificate:
            starts = groups[name.replace("certificates", "starts")]
            recoveries = Recoveries(starts, rounding, prior, int(certificate["best"][0]))
            words = judge(gather_evidence(recoveries, certificate, counted), prior)
            judged = add_verdict(judged, *words, rule=name.partition("/")[0])
    return judged


def make_image_groups(seed=0, technique="stochastic", **given):
    """The groups of one image and rule, its certificate among them; see `make_recoveries`."""
    columns = make_recoveries(seed, **given)
    best = int(np.argmin(columns["image_loss"]))
    certificate = {
        "recoveries": np.array([len(columns["trial"])], np.int32),
        "best": np.array([best], np.int32),
        "reconstruction": make_picture(SIDE, 8)[None],
        "distant": np.array([len(columns["trial"]) - 1], np.int32),
        "distant_reconstruction": make_picture(SIDE, 40)[None],
        "singular_values": np.geomspace(20, 0.2, LATENT)[None],
    }
    return {f"{technique}/starts": columns, f"{technique}/certificates": certificate}


def make_recoveries(
    seed=0, minima=(10,), losses=(50.0,), unconverged=0, polished=True, wobble=1e-6
):
    """`minima[i]` recoveries at the i-th of some far points, image loss losses[i] or the only one.

    Within a minimum z varies by about `wobble` per component. The last `unconverged` are at random
    points.
    """
    random = np.random.default_rng(seed)
    centres = random.uniform(-0.9, 0.9, (len(minima), LATENT))
    z = centres.repeat(minima, axis=0)
    z += wobble * random.standard_normal(z.shape)
    z = np.concatenate([z, random.uniform(-0.9, 0.9, (unconverged, LATENT))])
    each = np.broadcast_to(losses, len(minima))
    loss = np.concatenate([np.repeat(each, minima), np.full(unconverged, 3 * max(losses))])
    lost = np.arange(len(z)) >= len(z) - unconverged
    outcome = np.where(lost, Outcome.stalled, Outcome.converged).astype(np.uint8)
    columns = make_rule_group(z, loss, outcome=outcome)
    if polished:
        columns |= {
            "polished/z_found": z,
            "polished/image_loss": loss,
            "polished/gradient_norm": np.full(len(z), 1e-3),
            "polished/steepness": np.where(lost, 0.5, 0.05),
            "polished/outcome": outcome,
        }
    return columns


def add_labels(groups, *labels, rule="stochastic"):
    """The same of a conditional generator: recoveries found under these labels, one each."""
    under, name = np.array(labels, np.int32), f"{rule}/starts"
    return groups | {name: groups[name] | {"label": under, "first/label": under}}


def add_reenactment(groups, chain="", rule="stochastic", **given):
    """The same, re-enacted by this chain; explained, and like the generator's own copies."""
    certificate = groups[f"{rule}/certificates"]
    recoveries = groups[f"{rule}/starts"]
    z = recoveries["z_found"][np.nanargmin(recoveries["image_loss"])].astype(np.float64)
    values = {"explained": 1, "excess": 0.3, "excess_limit": 0.4, "z_explained": z}
    values |= {"z_deviation": np.full(LATENT, 0.02), "known_directions": LATENT}
    values |= {
        **{"edited": 0, "mixed": 0, "loses": 0, "is_square": 0},
        **{"keeps_loss": not chain, "tried": 0, "squares": 0, "stages": b""},
        "region": np.zeros((SIDE, SIDE), np.uint8),
    } | given
    strangers = [*values.get("stranger_rmse", ()), *[np.nan] * STRANGERS]
    values["stranger_rmse"] = strangers[:STRANGERS]
    columns = {name: np.array([value]) for name, value in values.items()}
    columns |= {"chain": np.array([chain.encode()], "S255"), "answered": np.zeros(1, np.uint8)}
    columns |= {"reenacted": certificate["reconstruction"] + 1}
    columns |= {"target": make_picture(SIDE)[None]}
    return groups | {f"{rule}/certificates": certificate | _cast_to_declared(columns)}


def add_verdict(groups, verdict, explanation, rule="stochastic"):
    """The same with the verdict that the run stored."""
    texts = {"verdict": verdict, "explanation": explanation}
    columns = {name: np.array([text.encode()]) for name, text in texts.items()}
    name = f"{rule}/certificates"
    columns |= {"verdict_rule": np.array([2])}
    return groups | {name: groups[name] | _cast_to_declared(columns)}


def _cast_to_declared(columns):
    """Columns of certificates in the types of a results file."""
    declared = get_columns("none/certificates")
    declared = {name: declared[name].dtype for name in columns}
    return {
        name: values if declared[name] == "float" else values.astype(declared[name])
        for name, values in columns.items()
    }


def add_answer(groups, starts, rule="stochastic"):
    """The same, answered by this many starts; those after them ran beside these."""
    name = f"{rule}/certificates"
    values = {"recoveries": np.array([starts], np.int32), "answered": np.array([1], np.uint8)}
    return groups | {name: groups[name] | values}


def add_actions(group, actions):
    """The group with this many actions of its rule in each trial; a tenth in its first start."""
    for prefix, counts in (("", actions), ("first/", actions // 10)):
        group[f"{prefix}actions"] = counts.astype(np.int32)
        group[f"{prefix}acted"] = (counts > 0).astype(np.uint8)
    return group


def add_polishing(group, recovered, polished=None):
    """The group of `recover` with polished z: so many below 1e-20, of those that are polished."""
    number = np.arange(len(group["trial"]))
    done = number < (len(number) if polished is None else polished)
    return group | {
        "polished/z_error": np.where(done, np.where(number < recovered, 1e-26, 1e-15), np.nan),
        "polished/gradients": np.where(done, 60.0, np.nan),
        "polished/seconds": np.where(done, 0.125, np.nan),
        "polished/outcome": np.where(done, Outcome.converged, 0).astype(np.uint8),
    }


def add_true_labels(results, right, first):
    """The results of a conditional generator; these many trials found the right label."""
    root = results.groups[""]
    root["label"] = np.arange(len(root["trial"]), dtype=np.int32) % 3
    for name, group in results.groups.items():
        if name:
            true, number = root["label"][group["trial"]], np.arange(len(group["trial"]))
            group["label"] = np.where(number < right, true, true + 1)
            group["first/label"] = np.where(number < first, true, true + 1)
    return results


def make_picture(side, brighter=0):
    """(side, side, 3) uint8: a ramp."""
    ramp = np.add.outer(np.arange(side), np.arange(side)) * 100 // side + brighter
    return np.stack([ramp, ramp // 2, 200 - ramp // 2], axis=-1).astype(np.uint8)


def _make_figure(variance):
    panels = ("clean", "noisy", "recovered")
    pictures = np.stack([np.stack([make_picture(SIDE, 20 * i)] * 5) for i in range(3)])
    noise = np.random.default_rng(0).normal(0, 127.5 * variance**0.5, pictures[1].shape)
    pictures[1] = np.clip(pictures[1] + noise, 0, 255).astype(np.uint8)
    return Figure(pictures, panels, tuple(range(5)))


def invert_on(checkpoint, complete=True, **images):
    """Results on a generator; `images` names each file's loss, or its groups, or why it failed."""
    given = {
        name: add_reenactment(
            make_image_groups(losses=(of,)),
            explained=of <= EXPLAINED,
            excess=0.3 if of <= EXPLAINED else of,
        )
        if isinstance(of, float)
        else of
        for name, of in images.items()
    }
    results = make_image_results("invert", complete=complete, **given)
    config = results.attributes["config"] | {"checkpoint": checkpoint}
    sha256 = f"{sum(map(ord, checkpoint)):064x}"
    results.groups["images"]["sha256"] = np.array([f"{name:f>64}".encode() for name in images])
    return replace(
        results, attributes=results.attributes | {"config": config, "checkpoint_sha256": sha256}
    )
