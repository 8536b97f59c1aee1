"""Judge images: polish their starts, see whether they answer their image, make certificates."""

import time
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from traceback import extract_tb

import numpy as np

from ganinv_cli.errors import GaninvError, ImageError, explain_memory_errors, shorten_error
from ganinv_cli.experiments.answers import (
    DueStarts,
    Key,
    count_consecutive,
    count_first_released,
    count_released,
    find_agreeing,
    find_uncounted,
)
from ganinv_cli.experiments.certificates import make_certificate, make_failed_certificate
from ganinv_cli.experiments.polished_starts import StartPolisher
from ganinv_cli.experiments.progress_counter import Judged
from ganinv_cli.experiments.reenactment import Reenactor
from ganinv_cli.experiments.trial_ledger import TrialLedger
from ganinv_cli.experiments.trial_rows import Columns, Groups, join_groups
from ganinv_cli.images import Picture
from ganinv_cli.results import statistics
from ganinv_cli.results.analysis.recoveries import Recoveries
from ganinv_cli.results.store import Run
from ganinv_cli.results.store.columns import ANSWERED, ERROR, RECOVERIES, TRIAL
from ganinv_cli.results.store.rows import (
    NO_ROWS,
    Group,
    JoinedRows,
    concatenate_rows,
    count_rows,
    split_by_image,
)
from ganinv_cli.settings.names import name_certificates, name_starts

THIS_PICTURE = "this picture"  # in the explanation of a verdict; elsewhere it is the image's name
PACKAGE = str(Path(__file__).parents[1])


class ImageJudge:
    """Judges the images of a run: those that are answered at once, others with all their starts.

    It keeps the starts of images that lack a certificate.
    """

    def __init__(
        self,
        run: Run,
        ledger: TrialLedger,
        images: Collection[int],
        pictures: Mapping[int, Picture],
        reenactor: Reenactor,
        polisher: StartPolisher | None,
    ) -> None:
        """Judge `images`, by number. Without a polisher, none is answered before all its starts."""
        self._ledger, self._images, self._pictures = ledger, images, pictures
        self._reenactor, self._polisher = reenactor, polisher
        self._rules, self._trials = reenactor.config.clip, reenactor.config.trials
        self._labels = max(1, reenactor.generator.labels)
        self._first = self._trials
        if polisher is not None:
            self._first = count_first_released(len(images), self._labels, self._trials)
        self._starts: dict[Key, list[Group]] = {}
        self._new: dict[Key, None] = {}  # those with starts that were not looked at
        self._answered: dict[Key, int] = {}  # how many starts count
        self._disputed = set[Key]()  # whose starts agree, and do not answer them: all are run
        self._seconds = defaultdict[Key, float](float)  # for all but the starts
        self.unanswered = set[Key]()  # whose first starts do not answer them
        self.failures: dict[Key, str] = {}  # a sentence for each image that could not be judged
        self.judged: list[Judged] = []
        self.lacking = 0  # certificates that take time, at the beginning
        for rule in self._rules:
            self._read(run, rule)

    def _read(self, run: Run, rule: str) -> None:
        """Take what is committed under a rule; void certificates are left out, and made again."""
        starts = split_by_image(run.read_group(name_starts(rule)))
        group = name_certificates(rule)
        certificates = split_by_image(run.read_group(group))
        is_void = {
            image: image in self._images and self._is_void(each, starts.get(image, NO_ROWS))
            for image, each in certificates.items()
        }
        if any(is_void.values()):
            run.leave_out(group, np.array([*is_void.values()]))
        for image in self._images:
            key, rows = (rule, image), starts.get(image, NO_ROWS)
            certificate = {} if is_void.get(image, True) else certificates[image]
            count = int(certificate[RECOVERIES][0]) if certificate else 0
            if certificate and certificate.get(ANSWERED, [0])[0]:
                self._answer(key, count)
            elif count != max(self._trials, count_rows(rows)):
                self.lacking += self._reenactor.config.reenacts
                self._ledger.release(image, rule, self._first)
                if rows is not NO_ROWS:
                    self._starts[key] = [rows]
                    self._new[key] = None

    def _is_void(self, certificate: Group, starts: Group) -> bool:
        """Whether a certificate lacks one of its starts, or is of an image that was not judged."""
        count, is_answered = int(certificate[RECOVERIES][0]), certificate.get(ANSWERED, [0])[0]
        needed = count if is_answered else min(count, self._trials)
        lacks_starts = count_consecutive(starts[TRIAL]) < needed or count_rows(starts) < count
        return lacks_starts or bytes(certificate.get(ERROR, [b""])[0]) != b""

    def settle(self, rows: Groups) -> Groups:
        """Return starts that have ended, polished, and the certificates of images they answer."""
        polished = self._polish(rows)
        parts = [polished]
        for rule in self._rules:
            for image, starts in split_by_image(polished.get(name_starts(rule), NO_ROWS)).items():
                if image in self._images:
                    self._starts.setdefault((rule, image), []).append(starts)
                    self._new[rule, image] = None
        new, self._new = self._new, {}
        if self._polisher is not None:
            for key in new:
                parts.append(self._try_to_answer(key))
        return join_groups(parts)

    def certify(self) -> Iterator[Groups]:
        """Yield the certificates of images that have all their starts, to commit them."""
        for (rule, image), pieces in list(self._starts.items()):
            columns = JoinedRows(pieces)
            if count_consecutive(columns[TRIAL]) >= self._trials:
                del self._starts[rule, image]
                if row := self._certify(DueStarts(rule, image, dict(columns))):
                    yield {name_certificates(rule): row}

    def leave_out_uncounted(self, run: Run) -> None:
        """Leave the starts that ran beside those that answered their image out of the file."""
        for rule in self._rules:
            counts = {image: n for (each, image), n in self._answered.items() if each == rule}
            rows = find_uncounted(run.read_group(name_starts(rule)), counts)
            if rows.any():
                run.leave_out(name_starts(rule), rows)

    def _polish(self, rows: Groups) -> Groups:
        """Return the starts of images that are not answered yet, polished."""
        if self._polisher is None:
            return rows
        polished: Groups = {}
        for rule in self._rules:
            name, parts = name_starts(rule), []
            for image, starts in split_by_image(rows.get(name, NO_ROWS)).items():
                key = rule, image
                if key not in self._answered:
                    polished_starts = dict(starts)
                    with self._watch(key):
                        pieces = self._starts.get(key)
                        known = JoinedRows([*pieces, starts]) if pieces else starts
                        own = key, self._pictures[image], polished_starts
                        polished_starts = self._polisher.polish(*own, known)
                    parts.append(polished_starts)
            if parts:
                polished[name] = concatenate_rows(parts)
        return polished

    def _try_to_answer(self, key: Key) -> Groups:
        """Return the certificate of an image if its starts answer it, else release more of them."""
        rule, image = key
        if key in self._disputed:
            return {}
        columns = JoinedRows(self._starts[key])
        rounding = statistics.rounding_residual(self._pictures[image].counted_values)
        recoveries = Recoveries(columns, rounding, self._reenactor.generator.prior)
        count = count_consecutive(columns[TRIAL])
        last = find_agreeing(recoveries, count, self._labels)
        if last is None:
            explains = recoveries.loss[:count] <= rounding
            released = count_released(explains, self._first, self._labels, self._trials)
            self._ledger.release(image, rule, released)
            if count >= self._first and not explains[: self._first].any():
                self.unanswered.add(key)
            return {}
        starts = columns.read(list(columns), slice(last + 1))
        row = self._certify(DueStarts(rule, image, starts), answers=True)
        if row is None:
            self._disputed.add(key)
            self.unanswered.add(key)
            self._ledger.release(image, rule, self._trials)
            return {}
        del self._starts[key]
        self._answer(key, last + 1)
        return {name_certificates(rule): row}

    def _answer(self, key: Key, count: int) -> None:
        """Take note that some starts of an image answer it, and that no more are needed."""
        rule, image = key
        self._answered[key] = count
        self._ledger.drop(image, rule)

    def _certify(self, due: DueStarts, *, answers: bool = False) -> Columns | None:
        """Return the certificate of an image; None if starts that agree do not answer it."""
        key, row, jacobian = (due.rule, due.image), None, None
        if key not in self.failures:
            with self._watch(key):
                picture = self._pictures[due.image]
                if self._polisher is not None:
                    jacobian = self._polisher.get_jacobian(key, picture, due.columns)
                row = make_certificate(due, picture, self._reenactor, jacobian, answers=answers)
        if error := self.failures.get(key):
            row = make_failed_certificate(due, self._reenactor.generator, error, answers=answers)
        if row is None:
            return None
        if self._polisher is not None:
            self._polisher.forget(key)
        is_answered = key not in self.unanswered
        self.unanswered.discard(key)
        self.judged.append(Judged(self._seconds.pop(key, 0.0), is_answered))
        return row

    @contextmanager
    def _watch(self, key: Key) -> Iterator[None]:
        """Take note of what is raised while an image is judged; the other images go on.

        That the memory, the disk or another part of the system fails is raised again. The seconds
        are added to those of the image.
        """
        start_time = time.monotonic()
        try:
            with explain_memory_errors():
                yield
        except ImageError as error:
            self.failures[key] = str(error)
        except GaninvError:
            raise
        except Exception as error:  # whatever a bug in judging this image raises
            if isinstance(error, OSError) and error.errno is not None:  # Pillow's have none
                raise
            self.failures[key] = _explain_failure(error)
        finally:
            self._seconds[key] += time.monotonic() - start_time


def _explain_failure(error: Exception) -> str:
    """Return what was raised where in this package, and what to do."""
    frames = [each for each in extract_tb(error.__traceback__) if PACKAGE in each.filename]
    place = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}"
    return (
        f"{THIS_PICTURE} could not be judged ({type(error).__name__} in {place}: "
        f"{shorten_error(error)}); that is a bug of ganinv: report it with the picture and the "
        "generator"
    )
