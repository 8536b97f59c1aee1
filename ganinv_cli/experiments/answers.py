"""When an image is answered: two of its starts found one z, and it leaves what storing leaves.

Then its other starts are not run. The starts that count are trials 0 to k, where k depends on the
starts of the image alone: not on the order in which they end, nor on other images.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ganinv_cli.experiments.trial_rows import Columns, Groups
from ganinv_cli.prior import Prior
from ganinv_cli.results import statistics
from ganinv_cli.results.analysis.evidence import AGREEING_SHARE
from ganinv_cli.results.analysis.recoveries import Recoveries
from ganinv_cli.results.store import Run
from ganinv_cli.results.store.columns import ANSWERED, IMAGE, RECOVERIES, TRIAL
from ganinv_cli.results.store.rows import NO_ROWS, Group, JoinedRows, count_rows, split_by_image
from ganinv_cli.settings.names import name_certificates, name_starts

FIRST_ROUNDS = 2  # starts under each label, that run before it is known whether more are needed
FIRST_TRIALS = 8  # of all images together, since fewer rows of a batch take as long
NEAR = 0.2  # share of the distance of two draws, up to which two z may be one

Key = tuple[str, int]  # a rule and the number of an image


class DueStarts(NamedTuple):
    """The starts of an image under a rule that are enough for a certificate."""

    rule: str
    image: int
    columns: Columns  # in the order of their trials


@dataclass
class _Starts:
    pieces: list[Group] = field(default_factory=list)
    released: int = 0  # trials below this may run
    is_open: bool = False  # all trials run, since some that agree do not answer the image

    @property
    def count(self) -> int:
        return sum(map(count_rows, self.pieces))


class PendingImages:
    """The images that lack a certificate under a rule, with their starts so far."""

    def __init__(
        self,
        rules: Sequence[str],
        images: Collection[int],
        trials: int,
        *,
        labels: int = 0,
        prior: Prior | None = None,
        count_values: Callable[[int], int] = lambda image: 0,
    ) -> None:
        """Look after images, by number, that are to have `trials` starts under each rule.

        With a `prior`, which is that of z, they have fewer if they are answered. `labels` is how
        many labels the starts take in turn, `count_values` how many values of an image count.
        """
        self._rules, self._images, self._trials = rules, dict.fromkeys(images), trials
        self._count_values = count_values
        self._labels, self._prior = max(1, labels), prior
        first = max(FIRST_ROUNDS * self._labels, FIRST_TRIALS // max(1, len(images)))
        self._first = trials if prior is None else min(trials, first)
        self._starts: dict[Key, _Starts] = {}
        self._new: dict[Key, None] = {}  # those with starts that `take_agreeing` has not seen
        self.answered: dict[Key, int] = {}  # how many starts count
        self.unanswered: set[Key] = set()  # those whose starts do not answer them

    def find_lacking(self, run: Run) -> int:
        """Take the starts that are committed; return how many certificates are lacking."""
        self._starts, lacking = {}, 0
        for rule in self._rules:
            starts = split_by_image(run.read_group(name_starts(rule)))
            self._leave_out_void(run, rule, starts)
            made = run.read_group(name_certificates(rule))
            recoveries = _read_numbers(made, RECOVERIES)
            answered = _read_numbers(made, ANSWERED)
            for image in self._images:
                rows = starts.get(image, NO_ROWS)
                if answered.get(image):
                    self.answered[rule, image] = recoveries[image]
                elif recoveries.get(image) != max(self._trials, count_rows(rows)):
                    lacking += 1
                    if rows is not NO_ROWS:
                        self._starts[rule, image] = _Starts([rows], self._first)
        self._new = dict.fromkeys(self._starts)
        return lacking

    def _leave_out_void(self, run: Run, rule: str, starts: Mapping[int, Group]) -> None:
        """Leave out the certificates that lack one of their starts: they are made again."""
        group = name_certificates(rule)
        certificates = split_by_image(run.read_group(group))
        void = [
            image in self._images and self._is_void(certificate, starts.get(image, NO_ROWS))
            for image, certificate in certificates.items()
        ]
        if any(void):
            run.leave_out(group, np.array(void))

    def _is_void(self, certificate: Group, starts: Group) -> bool:
        count, is_answered = int(certificate[RECOVERIES][0]), certificate.get(ANSWERED, [0])[0]
        needed = count if is_answered else min(count, self._trials)
        return _count_first(starts[TRIAL]) < needed or count_rows(starts) < count

    def add(self, rows: Groups) -> None:
        """Take starts that have ended."""
        for rule in self._rules:
            for image, starts in split_by_image(rows.get(name_starts(rule), NO_ROWS)).items():
                key = rule, image
                if image in self._images and key not in self.answered:
                    known = self._starts.setdefault(key, _Starts(released=self._first))
                    known.pieces.append(starts)
                    self._new[key] = None

    def join(self, rule: str, image: int, starts: Group) -> Group:
        """Return starts of an image together with those that were added before."""
        known = self._starts.get((rule, image))
        return JoinedRows([*known.pieces, starts]) if known else starts

    def count_released(self, rule: str, image: int) -> int:
        """Return the number below which trials of an image may run."""
        key = rule, image
        if key in self.answered:
            return self.answered[key]
        return self._starts[key].released if key in self._starts else self._first

    def take_agreeing(self) -> Iterator[DueStarts]:
        """Yield the starts up to the first two that agree, once for each image.

        The caller says whether they answer it, by `end` or `open`. More starts are released for
        images without such starts, once those that are released have ended.
        """
        if self._prior is None:
            return
        new, self._new = self._new, {}
        for rule, image in new:
            starts = self._starts[rule, image]
            if starts.is_open or starts.count < min(FIRST_ROUNDS, self._trials):
                continue
            columns = JoinedRows(starts.pieces)
            first = _count_first(columns[TRIAL])
            rounding = statistics.rounding_residual(self._count_values(image))
            recoveries = Recoveries(columns, rounding, self._prior)
            last = _find_agreeing(recoveries, first, self._labels)
            if last is not None:
                yield DueStarts(rule, image, columns.read(list(columns), slice(last + 1)))
            elif first >= starts.released:
                released = self._trials
                if (recoveries.loss[:first] <= rounding).any():
                    rounds = (first - starts.released) // self._labels + 1  # of one per label
                    released = min(starts.released + rounds * self._labels, self._trials)
                else:
                    self.unanswered.add((rule, image))
                starts.released = released

    def end(self, due: DueStarts) -> None:
        """Take note that an image is answered by some starts."""
        del self._starts[due.rule, due.image]
        self.answered[due.rule, due.image] = count_rows(due.columns)

    def open(self, due: DueStarts) -> None:
        """Take note that the starts that agree do not answer an image: all of them run."""
        starts = self._starts[due.rule, due.image]
        starts.is_open, starts.released = True, self._trials
        self.unanswered.add((due.rule, due.image))

    def take_due(self) -> Iterator[DueStarts]:
        """Yield the images that have all their starts, each once."""
        for (rule, image), starts in list(self._starts.items()):
            columns = JoinedRows(starts.pieces)
            if _count_first(columns[TRIAL]) >= self._trials:
                del self._starts[rule, image]
                yield DueStarts(rule, image, dict(columns))

    def find_uncounted(self, run: Run) -> dict[str, np.ndarray]:
        """Return, by group, which committed starts (rows,) bool do not count, if any do not.

        They ran beside those that answered their image.
        """
        uncounted = {}
        for rule in self._rules:
            group = name_starts(rule)
            rows = run.read_group(group)
            counts = {
                image: count for (each, image), count in self.answered.items() if each == rule
            }
            if not counts or not count_rows(rows):
                continue
            most = np.array([counts.get(image, self._trials) for image in range(max(counts) + 1)])
            images = rows[IMAGE].clip(0, len(most) - 1)
            beyond = (rows[TRIAL] >= most[images]) & np.isin(rows[IMAGE], list(counts))
            if beyond.any():
                uncounted[group] = beyond
        return uncounted


def is_near(z: np.ndarray, other: np.ndarray, prior: Prior) -> np.ndarray:
    """Return which z (n, latent) may be one with another z (latent,)."""
    latent = len(other)
    near = NEAR * latent * statistics.expected_distance(latent, prior)
    is_one: np.ndarray = np.linalg.norm(z - other, axis=1) <= near
    return is_one


def _read_numbers(rows: Group, column: str) -> dict[int, int]:
    """Return a column of the certificates by the numbers of the images."""
    if column not in rows:
        return {}
    return dict(zip(rows[IMAGE].tolist(), rows[column].tolist(), strict=True))


def _count_first(trials: np.ndarray) -> int:
    """Return how many trials there are before the first that is missing."""
    return int(np.argmin(np.append(trials == np.arange(len(trials)), False)))


def _find_agreeing(recoveries: Recoveries, count: int, labels: int) -> int | None:
    """Return the first trial at which every label was tried, and that agrees with an earlier one.

    They agree if both reached the least image loss under one label, with z that may be one. Of the
    recoveries, the first `count` are trials 0, 1, …
    """
    z, loss = recoveries.z, recoveries.loss
    for last in range(labels, count):
        lowest = statistics.is_lowest(loss[: last + 1], AGREEING_SHARE, recoveries.rounding_loss)
        agree = lowest[:-1] & is_near(z[:last], z[last], recoveries.prior)
        if recoveries.labels is not None:
            agree &= recoveries.labels[:last] == recoveries.labels[last]
        if lowest[-1] and agree.any():
            return last
    return None
