"""Under which labels an image's recoveries ended, where a generator asks for one."""

import numpy as np

from ganinv_cli.report.consistency.images import Image
from ganinv_cli.report.consistency.minima import Recoveries
from ganinv_cli.report.output.number_format import scientific
from ganinv_cli.report.output.plain_numbers import finite
from ganinv_cli.report.report import Row, Section
from ganinv_cli.report.shared.image_names import by_image

NOTE = (
    "Under another label the same z makes another image. So distances are those of recoveries "
    "under one label, a minimum has one label, and whether z is unique is asked under the label of "
    "the least image loss."
)


def rows(image: Image) -> list[Row]:
    """One a rule and label that a recovery ended under; none without labels."""
    return [
        _row(image, technique, recoveries, label)
        for technique, recoveries in image.rules.items()
        if recoveries.labels is not None
        for label in np.unique(recoveries.labels).tolist()
    ]


def sections(labels: list[Row]) -> list[Section]:
    """Those rows in words."""
    if not labels:
        return []
    return [
        by_image(
            "Under which label the recoveries ended",
            ("image,\ntechnique", "label", "trials", "converged", "distinct\nminima",
             "least\nloss", "trials\nat it", "mean\ndistance"),
            labels,
            lambda row, name: (
                f"{name},\n{row['technique']}",
                f"{row['label']}",
                *(f"{row[key]:,}" for key in ("recoveries", "converged", "distinct")),
                scientific(row["image_loss"]),
                f"{row['reached']:,}",
                scientific(row["distance"]),
            ),
            longest=16,
        )
    ]  # fmt: skip


def notes(labels: list[Row]) -> list[str]:
    """How to read all tables, where there are labels."""
    return [NOTE] if labels else []


def _row(image: Image, technique: str, recoveries: Recoveries, label: int) -> Row:
    under = recoveries.labels == label
    here = recoveries.under(label)
    apart = here.distances(here.numbers)
    least = here.loss[np.isfinite(here.loss)]
    return {
        "image": image.name,
        "number": image.number,
        "technique": technique,
        "label": label,
        "recoveries": len(here.loss),
        "converged": int(np.sum(here.stationary)),
        "distinct": here.minima(),
        "image_loss": float(least.min()) if len(least) else None,
        "reached": int(np.sum(recoveries.reached & under)),  # the least of all labels
        "distance": finite(float(np.mean(apart))) if len(apart) else None,
    }
