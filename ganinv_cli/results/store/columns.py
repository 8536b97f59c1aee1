"""The contents of a results file: each column of each group with its unit and meaning."""

import functools
import re
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args, get_type_hints

import numpy as np

from ganinv_cli.outcome import Outcome
from ganinv_cli.results.store.reenactment import Reenactment

# "no verdict": nothing was re-enacted; "not finished": starts are missing.
Verdict = Literal[
    "failed", "outside", "sibling", "ambiguous", "no verdict", "not finished", "edited", "made"
]

TRIAL = "trial"  # (rows,) int64, the number of each row's trial, or start; -1: it was not run
RECOVERIES = "recoveries"  # of a certificate
ANSWERED = "answered"  # of a certificate
ERROR = "error"  # of an image: if not empty, it has no trials; of a certificate: no verdict
IMAGE = "image"  # (rows,) int64, the number of each row's image; -1: there is none


class StoredColumn(NamedTuple):
    """One array with a row for every trial."""

    dtype: str  # "float": float32 or float64, as given
    shape: tuple[str, ...]  # the axes after the rows, as symbols
    unit: str
    meaning: str
    optional: bool = False
    counted: bool = False  # by a solver, from 0 in each start
    values: tuple[Any, ...] = ()  # that it may have; none are named: any

    @property
    def dtypes(self) -> tuple[np.dtype, ...]:
        """The dtypes that a file may have for it."""
        names = ("float32", "float64") if self.dtype == "float" else (self.dtype,)
        return tuple(map(np.dtype, names))


FLAG = (0, 1)  # no, yes
OUTCOMES = (0, *map(int, Outcome))  # 0: not run
VERDICTS = (b"", *(word.encode() for word in get_args(Verdict)))
_VALUES = {"flag": FLAG, "outcome": OUTCOMES, "verdict": VERDICTS}
Schema = Mapping[str, StoredColumn]  # of a group: its columns, by their paths inside it


def _read_table(table: str) -> dict[str, StoredColumn]:
    """Return the columns of a table: name, dtype, axes after the rows, unit, flags, meaning.

    The flags are optional, counted, and the name of the values that it may have.
    """
    lines = re.sub(r"\n +", " ", table.strip()).splitlines()  # an indented line continues the last
    columns = {}
    for line in lines:
        name, dtype, axes, unit, flags, text = (cell.strip() for cell in line.split(" | "))
        shape = () if axes == "-" else tuple(axes.split(", "))
        columns[name] = StoredColumn(
            dtype,
            shape,
            unit.strip("-"),
            text,
            optional="optional" in flags,
            counted="counted" in flags,
            values=next((each for word, each in _VALUES.items() if word in flags), ()),
        )
    return columns


def _declare(fields: type[NamedTuple]) -> str:
    """Return the table of the annotated fields of a NamedTuple, which are optional columns."""
    lines = []
    for name, hint in get_type_hints(fields, include_extras=True).items():
        dtype, axes, unit, flags, text = hint.__metadata__[0].split(" | ")
        lines.append(f"{name} | {dtype} | {axes} | {unit} | optional {flags} | {text}")
    return "\n".join(lines)


ROOT = _read_table("""
z_true | float | latent | z | - | the latent vector that made the image
label | int32 | - | - | optional | the label beside it, of a conditional generator
cramer_rao | float64 | - | z²/pixel² | optional | tr((JᵀJ)⁻¹) / latent at z_true, J = dG/dz: times
    the noise's variance, the least z_error to be expected of an unbiased estimate
""")

IMAGES = _read_table("""
name | S255 | - | - | - | file name, with the last folder of its path, more if others have it too,
    and the place in a NumPy file, UTF-8
sha256 | S64 | - | - | - | SHA-256 of the file's bytes; of an array, of its dtype, shape and values
changes | S255 | - | - | optional | what was done to it, e.g. cropped, resized, made grey; UTF-8
error | S255 | - | - | - | why it could not be read, UTF-8; empty if it could
target | uint8 | height, width, channels | - | - | the image as the network takes it
target_float | float | height, width, channels | - | optional | the same in [-1, 1], of an array of
    floats that 8 bits do not hold; float64 if one of them is; NaN: of another image
pixels_counted | int64 | - | pixels | - | pixels times channels that count, without border and
    mask
""")

CERTIFICATE = _read_table(_declare(Reenactment)) | _read_table("""
recoveries | int32 | - | - | - | how many trials count: all that there were when it was made
answered | uint8 | - | - | optional flag | 1: two of these trials found one z, which leaves only
    what
    storing the image leaves, so no others were needed
best | int32 | - | - | - | the trial with the least image loss
distant | int32 | - | - | - | the trial with the z farthest from the best one, under the same label
reconstruction | uint8 | height, width, channels | - | - | image of the best trial
distant_reconstruction | uint8 | height, width, channels | - | - | image of the distant trial
singular_values | float64 | latent | pixel/z | - | singular values of J = dG/dz at the best z
error | S1023 | - | - | optional | what was raised while the image was judged, in a sentence, UTF-8;
    empty if nothing was
verdict | S16 | - | - | optional verdict | the verdict of invert.md, decided when the image was
    measured
explanation | S1023 | - | - | optional | what it follows from, in words, UTF-8
verdict_rule | int32 | - | - | optional | version of the rule that decided it
""")

_START_RESULT = _read_table("""
z_found | float | latent | z | - | the latent vector that was found
label | int32 | - | - | optional | its label, if all labels were tried
z_error | float | - | z² | optional | ‖z_found − z_true‖² / latent
error_bound | float64 | - | z² | optional | estimated bound on z_error: the loss that was minimised
    / (latent · σ²), σ² the least eigenvalue of JᵀWJ at the random z where the generator was
    measured; certain only if G is linear from z_true to here, with no eigenvalue below σ²
image_loss | float | - | pixel² | - | squared error summed over the image's pixels
outcome | uint8 | - | - | outcome | how the trial ended (see Outcomes); 0: not run
gradients | float64 | - | gradients | counted | gradients spent; a forward pass counts .5
redraws | int32 | - | times | counted | times that the rule replaced components of z
acted | uint8 | - | - | flag | 1: the rule changed z; 0: it did not
actions | int32 | - | updates | - | updates in which the rule changed a component of z:
    clamped or held at a bound, or replaced
seconds | float64 | - | s | - | share of the batches' wall time
""")  # known at the end of the first start and at the end of the trial
COUNTS = {name: column for name, column in _START_RESULT.items() if column.counted}

RULE = {
    **_read_table("""
z_start | float | latent | z | - | where the first start began
"""),
    **_START_RESULT,
    **_read_table("""
z_error_least | float | - | z² | optional | least z_error at any update; the solver does not use it
restarts | int32 | - | starts | - | starts after the first one
shared | uint8 | - | - | flag | 1: a copy of the trial of `none`, in which the rule would not
    have acted, with the gradients and seconds that it would have cost alone; 0: run
curve_loss | float32 | points | pixel² | optional | image loss at curve_gradients; then NaN
curve_error | float32 | points | z² | optional | z_error at curve_gradients; then NaN
z_snapshots | float32 | snapshots, latent | z | optional | z at snapshot_gradients; NaN after the
    end of the trial
"""),
}

FIRST_ALONE = _read_table("""
first/at_bound | int32 | - | components | - | components of z at or beyond a bound of the
    prior
""")
FIRST = {f"first/{name}": column for name, column in _START_RESULT.items()} | FIRST_ALONE

POLISHED = _read_table("""
polished/z_found | float64 | latent | z | optional | z_found after polishing
polished/z_error | float64 | - | z² | optional | ‖polished/z_found − z_true‖² / latent
polished/image_loss | float64 | - | pixel² | optional | image loss there, in the precision of
    polishing
polished/gradient_norm | float64 | - | pixel²/z | optional | of `consistency`: norm of the shortest
    convex combination of gradients in a small ball around it
polished/steepness | float64 | - | - | optional | its share of the mean norm of these gradients:
    about 1 far from a minimum, 0 at one
polished/gradients | float64 | - | gradients | optional | gradients spent on it, in no other count;
    one in float64 counts 5
polished/seconds | float64 | - | s | optional | time for it, in no other count
polished/outcome | uint8 | - | - | optional outcome | in `invert` as outcome; else converged: a
    minimum, by
    that share, or in `recover` a z_error below 1e-20, by the loss; stalled: not so; 0: not polished
""")

CONSTANTS = _read_table("""
shared_gradients | float64 | - | gradients | optional | spent once by each worker, e.g. for the
    preconditioner; in no trial's own count
curve_gradients | float64 | points | gradients | optional | gradients at which the curves were read
snapshot_gradients | float64 | snapshots | gradients | optional | gradients at which the snapshots
    were taken
""")

_TRIAL = {TRIAL: StoredColumn("int64", (), "", "number of the trial")}
_IMAGE = {IMAGE: StoredColumn("int64", (), "", "number of the image")}
_RULE = RULE | FIRST | POLISHED

_GROUPS: tuple[tuple[str, Schema], ...] = (
    # a regular expression for the whole name; the first that matches counts
    ("", _TRIAL | ROOT),
    ("images", _IMAGE | IMAGES),
    (".*/certificates", _IMAGE | CERTIFICATE),
    (".*/starts", _IMAGE | _TRIAL | _RULE),
    (".+", _TRIAL | _RULE),
)


@functools.cache
def get_columns(group: str) -> Schema:
    """Return the columns of a group by its path; "" is the root. Those of its numbers are first."""
    return next(columns for name, columns in _GROUPS if re.fullmatch(name, group))


def is_trial_group(group: str) -> bool:
    """Return whether a group's rows are trials."""
    return "outcome" in get_columns(group)


def has_numbered_rows(group: str) -> bool:
    """Return whether row and number are equal in the file of a whole run."""
    return not {IMAGE, TRIAL} <= get_columns(group).keys()


def read_constants(values: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Return the constants among values by name, in the dtypes of the schema."""
    return {n: np.asarray(values[n], CONSTANTS[n].dtype) for n in CONSTANTS if n in values}
