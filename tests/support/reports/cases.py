"""Results of every command with known answers, for the files in tests/results/report/golden."""

from dataclasses import replace

import numpy as np
from known_results import make_group, make_results
from reports.known_sweep import (
    EXACT,
    FAR,
    LATENT,
    SIDE,
    add_actions,
    add_answer,
    add_labels,
    add_polishing,
    add_reenactment,
    add_true_labels,
    add_verdict,
    invert_on,
    make_image_groups,
    make_image_results,
    make_noise_sweep,
    make_picture,
    make_recoveries,
)

from ganinv_cli.outcome import Outcome
from ganinv_cli.results.store import Figure, Image, select_images


def vary_costs(results):
    """Give each cost other values, so that no column can be taken for another."""
    for group in results.groups.values():
        if "gradients" in group:
            trials = group["trial"]
            group["gradients"] = 100 + (trials % 7) ** 2 * 2.0
            group["first/gradients"] = 80 + trials % 5 * 3.0
            group["seconds"] = 0.2 + trials % 4 * 0.1
            group["restarts"] = (trials % 3).astype(np.int32)
            group["redraws"] = (trials % 6).astype(np.int32)
    return results


def make_recover():
    pictures = np.stack([np.stack([make_picture(SIDE)] * 3)] * 2)
    figures = {"figure1-none": Figure(pictures, ("found", "original"), (0, 1, 49))}
    return replace(make_results(), figures=figures)


def make_recover_with_all_columns():
    """Four rules: actions, copies, polishing, bounds, labels, gradients of the whole run."""
    trials = np.arange(20)
    groups = {}
    for failed, rule in enumerate(("none", "standard", "stochastic", "zero")):
        group = add_polishing(
            make_group(trials, 3 * failed, failed), recovered=15 + failed, polished=19
        )
        group["error_bound"] = np.where(trials < failed, 5e-7, 2e-6)
        group["shared"] = ((trials > 12) & (rule != "none")).astype(np.uint8)
        groups[rule] = add_actions(group, np.where(trials < 4 * failed, 5, 0))
    groups["zero"]["outcome"][:2] = Outcome.stalled
    groups["zero"] |= {name: groups["stochastic"][name] for name in ("z_error", "z_found")}
    results = add_true_labels(make_results(groups, tolerance=1e-8, label=1), right=18, first=7)
    results.constants["shared_gradients"] = np.array(4000.0)
    results.groups["standard"]["z_error"] += 0.5  # its median is never below 1e-4
    return results


def make_recover_in_progress():
    groups = {"none": make_group(np.arange(12), 4, 3), "zero": make_group(np.arange(4, 9), 0)}
    groups["none"]["restarts"][:] = 0
    groups["none"]["z_error_least"][:] = 1e-5
    descent = {"solver": "gd", "gd": {"rate": 2.17, "halve_every": 50_000}}
    asked = {"success": "ever", "prior": "normal:1,0.99", "clip": ["none", "standard", "zero"]}
    results = make_results(groups, complete=False, **descent, **asked | {"trials": 1000})
    results.attributes["generator"] = {"doubt": "its batch norms do not fit"}
    return add_true_labels(results, right=4, first=1)


def make_sweep():
    """Bounds that differ, first starts that differ at one variance, trials not converged."""
    results = make_noise_sweep(trials=21, clip_pixels=True)
    results.groups[""]["cramer_rao"] *= np.linspace(0.2, 3.1, 21)
    group = results.groups["variance=0.1/none"]
    group["first/z_error"] *= 3
    group["outcome"][:3] = Outcome.stalled
    group["z_error"][:3] = 5.0
    results.constants["shared_gradients"] = np.array(1260.0)  # 10 per trial
    return results


def make_sweep_with_variance_0():
    """In progress: rules of other trials, labels, actions and a trial without a number."""
    results = make_noise_sweep(trials=9, variances=[0, 0.01, 0.1], complete=False)
    for name, group in results.groups.items():
        if name:
            add_actions(group, np.full(9, name == "variance=0.1/stochastic"))
    results.groups["variance=0.1/none"]["z_error"][0] = np.nan
    group = results.groups["variance=0.01/none"]
    results.groups["variance=0.01/none"] = {name: rows[3:] for name, rows in group.items()}
    del results.groups["variance=0/stochastic"]
    return add_true_labels(results, right=8, first=3)


def make_consistency():
    """Images that are unique, not unique and undecided, by two rules; one has two names."""
    both = make_image_groups(minima=(40,)) | make_image_groups(technique="none", minima=(20, 20))
    both["none/starts"]["polished/z_found"][:, :60] *= 3
    both["stochastic/starts"]["polished/z_found"][5:9, 0] = 1.0
    images = {
        "a.png": both,
        "a rather long name of a portrait.png": make_image_groups(minima=(3,), unconverged=1),
        "noise.png": make_image_groups(minima=(1,) * 9 + (3,), losses=(3000.0,)),
        "rounding.png": make_image_groups(minima=(5, 4, 1), losses=(EXACT, 4e-3, 6.0)),
        "rest.png": make_image_groups(minima=(96, 3), losses=(EXACT, 6.0), unconverged=1),
        "text.png": "this is a text file; give an image",
    }
    images["rest.png"]["stochastic/starts"]["polished/z_found"][99] = np.nan
    images["rest.png"]["stochastic/starts"]["outcome"][:5] = Outcome.stalled  # polishing converged
    images["rounding.png"]["stochastic/starts"]["polished/outcome"][0] = 0  # not polished
    add_actions(images["rest.png"]["stochastic/starts"], np.arange(100) // 50)
    names = {0: ["a.png", "copy of a.png"]}
    shown = [
        Image(number, name)
        for number, own in enumerate(images)
        for name in names.get(number, [own])
    ]
    spent = {"shared_gradients": np.array(2060.0)}  # 10 per trial
    return select_images(make_image_results(constants=spent, **images), shown)


def make_consistency_of_labels():
    """A conditional generator with a normal prior; nothing was polished."""
    found = {"minima": (15, 5), "losses": (4.0, 9.0), "unconverged": 2, "polished": False}
    groups = add_labels(make_image_groups(**found), *[2] * 14, 1, *[0] * 7)
    groups["stochastic/certificates"]["recoveries"][0] = 6
    later = {"none/starts": make_recoveries(minima=(3,), polished=False)}
    later["none/starts"]["label"] = np.zeros(3, np.int32)
    config = {"prior": "normal:1,0.99", "trials": 50}
    return make_image_results(portrait=groups, later=later, begun={}, complete=False, config=config)


STRANGERS = {"explained": 0, "stranger_rmse": np.array([9.0, 12.0, 15.0, 16.0])}


def make_invert():
    """Each verdict, and a file that was not read; two files have one name."""
    unlikely = make_image_groups(losses=(EXACT,))
    unlikely["stochastic/starts"]["polished/z_found"][:, :9] = 1.5
    unlikely["stochastic/starts"]["polished/z_found"][:, 9:12] = -1.0
    z = unlikely["stochastic/starts"]["polished/z_found"][0]
    broken = make_image_groups()
    broken["stochastic/starts"]["polished/image_loss"][:] = np.nan
    jpeg = make_image_groups(losses=(3.0,), minima=(7, 2), unconverged=1)
    shifted = "shifted by (1, 0) pixels, cropped to 97 % of its width; saved as JPEG 90"
    less = {
        "z_deviation": np.geomspace(0.02, 0.57, LATENT),
        "known_directions": 71,
        "loses": 1,
    }
    groups = {
        "exact": add_answer(add_reenactment(make_image_groups(losses=(0.0,))), starts=3),
        "jpeg": add_reenactment(jpeg, "saved as JPEG 75", **less),
        "moved": add_reenactment(make_image_groups(losses=(9.0,)), shifted, loses=1),
        "noise": add_reenactment(make_image_groups(losses=(3000.0,)), excess=252.0, **STRANGERS),
        "sibling": add_reenactment(make_image_groups(losses=(2.0,)), excess=6.5, **STRANGERS),
        "several": add_reenactment(make_image_groups(minima=(5, 3), losses=(1.0, 1.005))),
        "unlikely": add_reenactment(unlikely, z_explained=z),
        "broken": add_verdict(broken, "failed", "no start ended at a picture of finite numbers"),
        "untried": make_image_groups(losses=(9.0,)),
        "text": "this is a text file; give an image",
    }
    results = make_image_results("invert", **groups)
    results.groups["images"]["name"][1:3] = b"two portraits of one long name.jpeg"
    return results


def make_invert_with_mask():
    far = make_image_groups(technique="none", losses=(FAR,))
    groups = add_reenactment(make_image_groups(losses=(0.5,)))
    groups |= add_reenactment(far, rule="none", excess=7.0, **STRANGERS)
    constants, config = {"shared_gradients": np.array(120.0)}, {"mask": "mask.png"}
    return make_image_results(
        "invert", constants=constants, counted=500, config=config, portrait=groups
    )


def make_invert_of_labels():
    """A conditional generator; a best z without a certificate."""
    groups = add_reenactment(make_image_groups(minima=(6,), losses=(EXACT,)))
    groups = add_labels(groups, 2, 2, 2, 0, 0, 1)
    later = add_labels({"stochastic/starts": make_recoveries(minima=(2,), polished=False)}, 0, 1)
    return make_image_results("invert", portrait=groups, later=later, begun={}, complete=False)


REPORTS = {
    "recover": make_recover,
    "recover-all-columns": make_recover_with_all_columns,
    "recover-in-progress": make_recover_in_progress,
    "noise-sweep": make_sweep,
    "noise-sweep-variance-0": make_sweep_with_variance_0,
    "consistency": make_consistency,
    "consistency-labels": make_consistency_of_labels,
    "invert": make_invert,
    "invert-mask": make_invert_with_mask,
    "invert-labels": make_invert_of_labels,
}


def make_several_generators():
    several = add_reenactment(make_image_groups(minima=(5, 5), losses=(EXACT,)))
    related = add_reenactment(make_image_groups(losses=(2.0,)), excess=6.5, **STRANGERS)
    unlike = add_reenactment(make_image_groups(losses=(50.0,)), excess=32.5, **STRANGERS)
    found = {"both": EXACT, "perhaps": several, "related": related, "neither": FAR, "later": {}}
    first = invert_on("faces/a.pt", made=EXACT, **found)
    images = {"neither": 20.0, "perhaps": FAR, "both": EXACT, "made": FAR, "later": EXACT}
    images |= {"related": unlike}
    return [first, invert_on("b", **images, text="text is not an image", complete=False)]


def make_two_generators():
    return [invert_on("a", portrait=FAR), invert_on("b", portrait=20.0)]


COMPARISONS = {"attribution": make_several_generators, "attribution-none": make_two_generators}
