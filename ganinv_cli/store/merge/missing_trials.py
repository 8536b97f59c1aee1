"""Which trials a run lacks, and how many certificates."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ganinv_cli.settings.names import image_group, variance_group
from ganinv_cli.store.committed_rows import CommittedRows, read_block
from ganinv_cli.store.merge import ranges
from ganinv_cli.store.schema import TRIAL, Kind


def find_missing_trials(
    rows: CommittedRows, identity: Mapping[str, Any], trials: int
) -> dict[str, np.ndarray]:
    """Group -> the ranges, (n, 2), that it lacks of range(trials), where it lacks any.

    Nothing is expected of an image that could not be read.
    """
    lacking = {
        group: ranges.find_gaps(rows.list_trials(group), trials)
        for group in _expected_groups(identity)
    }
    unreadable = {
        image: _is_unreadable(rows, image)
        for image in {_image_prefix(group) for group, gaps in lacking.items() if len(gaps)}
    }
    return {
        group: gaps
        for group, gaps in lacking.items()
        if len(gaps) and not unreadable[_image_prefix(group)]
    }


def count_uncertified_images(
    rows: CommittedRows, identity: Mapping[str, Any], missing: Mapping[str, np.ndarray]
) -> int:
    """How many images have all trials of a rule, and no certificate of them."""
    if "images" not in identity:
        return 0
    whole = [g for g in _expected_groups(identity) if g not in missing and len(rows.list_trials(g))]
    certified = set(rows.groups)
    return len({_image_prefix(group) for group in whole if f"{group}/certificate" not in certified})


def _expected_groups(identity: Mapping[str, Any]) -> list[str]:
    """The groups of trials of a whole run."""
    clip = identity.get("clip", [])
    if "variances" in identity:
        return [
            variance_group(variance, rule) for variance in identity["variances"] for rule in clip
        ]
    if "images" in identity:
        return [image_group(number, rule) for number in range(identity["images"]) for rule in clip]
    return list(clip)


def _image_prefix(group: str) -> str:
    """`image=0003` of `image=0003/none`; empty of any other group."""
    return group.partition("/")[0] if group.startswith("image=") else ""


def _is_unreadable(rows: CommittedRows, image: str) -> bool:
    kind = rows.layout.get((image, "error"))
    if not image or kind is None or not len(rows.list_trials(image)):
        return False
    found = read_block(
        rows, image, {TRIAL: Kind("int64", ()), "error": kind}, np.zeros(1, np.int64)
    )
    return bool(found["error"][0] != b"")
