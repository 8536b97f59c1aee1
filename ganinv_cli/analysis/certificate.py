"""The certificate of an inverted image: errors, agreement of starts, conditioning, verdict."""

from typing import Any

import numpy as np

from ganinv_cli import statistics
from ganinv_cli.analysis.groups import Pixels
from ganinv_cli.analysis.image_results import ImageResults, best_psnr, get_reconstruction
from ganinv_cli.analysis.prior import is_at_bound
from ganinv_cli.analysis.recoveries import SAME_Z_TOLERANCE
from ganinv_cli.analysis.verdict import REACHED_SHARE, Evidence

AMPLIFICATIONS = (16, 8, 4, 2, 1)  # the first that clips hardly any difference is used

Certificate = dict[str, Any]  # the keys of `invert` in the JSON


def make_certificates(image: ImageResults) -> list[Certificate]:
    """Return a certificate for each rule that has recoveries of an image."""
    return [make_certificate(image, rule) for rule in image.recoveries]


def make_certificate(image: ImageResults, rule: str) -> Certificate:
    """Return the certificate under a rule; most numbers are of the best z."""
    recoveries = image.recoveries[rule]
    best, group = recoveries.best_row, recoveries.group
    loss, pixels, label = float(recoveries.loss[best]), image.pixel_count, recoveries.best_label
    evidence = image.gather_evidence(rule)
    verdict, explanation = image.read_judgement(rule, evidence)
    again = evidence.reenactment
    z = again.z if again and again.explained else recoveries.z[best]
    labels = {} if label is None else {"label": label, "starts_under_label": evidence.starts}
    return {
        "image": image.name,
        "number": image.number,  # of the image in the run, from 0
        "technique": rule,
        "starts": len(recoveries.loss),
        **labels,  # the label of the best z, and the starts that ended under it
        "best_trial": int(group["trial"][best]),
        "image_loss": loss,
        "rmse": statistics.rmse(loss, pixels),  # in grey levels of 255
        "psnr": best_psnr(image, recoveries),  # in dB
        "verdict": verdict,
        "explanation": explanation,
        **_describe_reenactment(evidence),
        "told": evidence.determines_z,  # whether the pixels that count do, as far as is known
        "rounding_loss": recoveries.rounding_loss,  # below it a reconstruction is exact
        "agreement": {  # of starts; with labels, of those under the best one's label
            "share": REACHED_SHARE,  # of the least loss, within which it is reached
            # distance ‖zᵢ − zⱼ‖ / latent below which two z are one
            "tolerance": max(SAME_Z_TOLERANCE, evidence.z_error / evidence.latent),
            "reached": evidence.reached,
            "same": evidence.same,
        },
        "condition": evidence.condition,  # of J: its largest singular value over its least
        "rank": evidence.rank,
        "difference_amplified": _find_amplification(image, rule),  # factor in its picture
        "latent": recoveries.z.shape[1],
        "outside": evidence.outside,  # components of z beyond a bound of the prior
        "at_bound": int(np.sum(is_at_bound(z, recoveries.prior))),  # at or beyond a bound
        "z_error": evidence.z_error,  # distance ‖·‖ that what is left of the image explains
        "z_norm": float(np.linalg.norm(z)),
        "z_norm_range": evidence.norm_range,  # of draws from the prior, all but one in a million
        "converged": bool(recoveries.stationary[best]),
        "z": "polished" if recoveries.polished[best] else "as found",
        "gradients": float(np.sum(group["gradients"] + image.gradients_shared)),  # of all starts
        "gradients_shared": image.gradients_shared,
        "seconds": float(np.sum(group["seconds"])),
        "said": image.handling,  # how the file was changed, in words
        "z_found": recoveries.z[best].tolist(),
        "z_explained": z.tolist(),  # z_found if nothing explains the image
        # standard error of each component, at most the prior's deviation; NaN: not re-enacted
        "z_deviation": (again.deviation if again else np.full(len(z), np.nan)).tolist(),
    }


def choose_amplification(differences: list[np.ndarray]) -> int:
    """Return the largest amplification that shows 99 % of the differences in full.

    Differences are arrays of grey levels, of any shape.
    """
    large = float(np.quantile(np.concatenate([np.abs(each).ravel() for each in differences]), 0.99))
    return next((times for times in AMPLIFICATIONS if times * large <= 127), 1)


def subtract_pictures(reconstruction: Pixels, original: Pixels) -> np.ndarray:
    """Return the reconstruction minus the original, in grey levels."""
    return np.asarray(reconstruction.astype(np.int64) - original)


def _describe_reenactment(evidence: Evidence) -> Certificate:
    """Return the chain of changes that comes nearest to the image; None: not re-enacted."""
    again, alarms = evidence.reenactment, evidence.false_alarms
    refitted = again if again and again.explained else None
    return {
        "chain": again and again.words,  # empty: rounded to 8 bits alone
        "explained": again and again.explained,
        "excess": again and again.excess,  # RMS in grey levels that the chain leaves
        "excess_limit": again and again.limit,  # that own copies leave at most
        # least RMSE of pictures that the generator cannot make
        "stranger_rmse": float(again.stranger_rmse[0]) if again and alarms.strangers else None,
        "false_alarms": alarms._asdict(),  # strangers with at most this RMSE
        "known_directions": refitted and refitted.known_directions,  # of z
        "z_deviation_mean": refitted and refitted.deviation.mean(),  # over the components
    }


def _find_amplification(image: ImageResults, rule: str) -> int | None:
    certificate = image.find_certificate(rule)
    if certificate is None:
        return None
    return choose_amplification([subtract_pictures(get_reconstruction(certificate), image.target)])
