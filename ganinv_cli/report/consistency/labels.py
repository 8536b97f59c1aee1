"""Under which labels an image's recoveries ended, where a generator asks for one."""

import numpy as np

from ganinv_cli.report.consistency.images import ImageResults
from ganinv_cli.report.consistency.minima import Recoveries
from ganinv_cli.report.output.number_format import format_scientific
from ganinv_cli.report.output.plain_numbers import finite_or_none
from ganinv_cli.report.report import Row, Section
from ganinv_cli.report.shared.image_names import make_image_table

NOTE = (
    "Under another label the same z makes another image. So distances are those of recoveries "
    "under one label, a minimum has one label, and whether z is unique is asked under the label of "
    "the least image loss."
)


def make_rows(image: ImageResults) -> list[Row]:
    """One a rule and label that a recovery ended under; none without labels."""
    return [
        _make_row(image, technique, recoveries, label)
        for technique, recoveries in image.recoveries.items()
        if recoveries.labels is not None
        for label in np.unique(recoveries.labels).tolist()
    ]


def make_sections(label_rows: list[Row]) -> list[Section]:
    """Those rows in words."""
    if not label_rows:
        return []
    return [
        make_image_table(
            "Under which label the recoveries ended",
            ("image,\ntechnique", "label", "trials", "converged", "distinct\nminima",
             "least\nloss", "trials\nat it", "mean\ndistance"),
            label_rows,
            lambda row, name: (
                f"{name},\n{row['technique']}",
                f"{row['label']}",
                *(f"{row[key]:,}" for key in ("recoveries", "converged", "distinct")),
                format_scientific(row["image_loss"]),
                f"{row['reached']:,}",
                format_scientific(row["distance"]),
            ),
            max_length=16,
        )
    ]  # fmt: skip


def make_notes(label_rows: list[Row]) -> list[str]:
    """How to read all tables, where there are labels."""
    return [NOTE] if label_rows else []


def _make_row(image: ImageResults, rule: str, recoveries: Recoveries, label: int) -> Row:
    mask = recoveries.labels == label
    selected = recoveries.select_label(label)
    apart = selected.distances(selected.has_finite_z)
    least = selected.loss[np.isfinite(selected.loss)]
    return {
        "image": image.name,
        "number": image.number,
        "technique": rule,
        "label": label,
        "recoveries": len(selected.loss),
        "converged": int(np.sum(selected.stationary)),
        "distinct": selected.count_minima(),
        "image_loss": float(least.min()) if len(least) else None,
        "reached": int(np.sum(recoveries.reached_least_loss & mask)),  # the least of all labels
        "distance": finite_or_none(float(np.mean(apart))) if len(apart) else None,
    }
