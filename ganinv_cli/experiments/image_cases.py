"""The images of a run as its cases: each is decoded, checked and recorded when its turn comes."""

import threading
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from traceback import extract_tb

import numpy as np

from ganinv_cli.errors import GaninvError, ImageError, explain_memory_errors, shorten_error
from ganinv_cli.experiments.answers import DueStarts, Key, PendingImages
from ganinv_cli.experiments.cases import Cases, Judged
from ganinv_cli.experiments.certificates import make_certificate, make_failed_certificate
from ganinv_cli.experiments.image_inputs import ListedImage, read_images
from ganinv_cli.experiments.polished_starts import StartPolisher
from ganinv_cli.experiments.reenactment import Reenactor
from ganinv_cli.experiments.trial_rows import Columns, Groups, join_groups, make_row
from ganinv_cli.images import Crop, Picture, load_picture, suppress_pillow_warnings
from ganinv_cli.images.load import ImageShape
from ganinv_cli.jobs import UNSHARDED, parse_shard
from ganinv_cli.results.store import Image, Run
from ganinv_cli.results.store.columns import ERROR, IMAGE
from ganinv_cli.results.store.rows import NO_ROWS, concatenate_rows, split_by_image
from ganinv_cli.settings.names import IMAGES, name_certificates, name_starts

KEPT_PICTURES = 256  # of files, decoded; others are decoded again
MAX_DESCRIBED = 8  # images whose changes are described one by one
THIS_PICTURE = "this picture"  # in the explanation of a verdict; elsewhere it is the image's name
PACKAGE = str(Path(__file__).parents[1])


class Pictures(Mapping[int, Picture]):
    """The pictures of images by number; a file is decoded when it is needed."""

    def __init__(
        self,
        images: Mapping[int, ListedImage],
        shape: ImageShape,
        crop: Crop,
        mask: np.ndarray | None,
    ) -> None:
        """Make them of some shape; `mask` (height, width) bool says which pixels may count."""
        self._images, self._shape, self._crop, self._mask = images, shape, crop, mask
        self.black = np.zeros(shape, np.uint8)  # in place of one that cannot be decoded
        self._decode = lru_cache(KEPT_PICTURES)(self._decode_file)
        self._lock = threading.Lock()  # what hides Pillow's warnings holds for all threads

    def __iter__(self) -> Iterator[int]:
        return iter(self._images)

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, number: int) -> Picture:
        """Return a picture. Raises ImageError if its file cannot be decoded, or has changed."""
        return self._decode(number)

    def _decode_file(self, number: int) -> Picture:
        image = self._images[number]
        picture = image.picture
        if image.path is not None:
            with self._lock, suppress_pillow_warnings():
                picture = load_picture(image.path, self._shape, self._crop)
        if picture is None or picture.sha256 != image.sha256:
            raise ImageError(f"{image.name} has changed during the run; run the same command again")
        return picture._replace(name=image.name, mask=self._mask)

    def decode_all(self) -> dict[int, Picture]:
        """Return all pictures that can be decoded, for workers on other machines."""
        pictures = {}
        for number in self:
            try:
                pictures[number] = self[number]
            except ImageError:
                continue  # its turn says so
        return pictures


class ImageCases(Cases):
    """The images that a command names; of a file that cannot be decoded its error is recorded."""

    def __init__(
        self,
        listed: Mapping[int, ListedImage],
        images: Sequence[Image],
        pictures: Pictures,
        run: Run,
        check: Callable[[Picture], None],
        reenactor: Reenactor,
        polisher: StartPolisher | None,
        say: Callable[[str], None],
    ) -> None:
        """Run the `listed` images of a shard, by number.

        `images` are those that the command names, under its names. `check` raises ImageError if an
        experiment cannot use a picture. With a `polisher`, an image ends when it is answered.
        """
        self._listed, self._pictures, self._check, self._say = listed, pictures, check, say
        self.images, self._reenactor = images, reenactor
        self._errors = {number: image.error for number, image in read_images(run)}  # empty: none
        self._new = deque[tuple[int, Picture | None]]()  # threads of workers add to it
        self._changed = 0  # images
        for number, image in listed.items():
            if image.error and number not in self._errors:
                self._add(number, image.error)
        self.readable = [number for number in listed if not self._errors.get(number)]
        config = reenactor.config
        # else no image has all its trials in the file of a shard
        is_whole = config.shards_images or parse_shard(config.shard) == UNSHARDED
        certified = self.readable if is_whole else []
        _leave_out_failed(run, config.clip, certified)
        generator = reenactor.generator
        self._polisher, self._judged = polisher, list[Judged]()
        self._seconds = defaultdict[Key, float](float)  # for all but the starts
        self._failures: dict[Key, str] = {}  # of images that could not be judged
        self._pending = PendingImages(
            config.clip,
            certified,
            config.trials,
            labels=generator.labels,
            prior=generator.prior if polisher else None,
            count_values=lambda image: self._pictures[image].counted_values,
        )

    def begin(self, case: int) -> bool:
        """Decode and check an image when its turn comes; return whether it can be used."""
        if case not in self._errors:
            try:
                picture = self._pictures[case]
                self._check(picture)
                self._add(case, "", picture)
            except ImageError as error:
                self._add(case, str(error))
        return not self._errors[case]

    def take_rows(self) -> Groups:
        """Return the rows of the images that have begun, and say what was done to them."""
        new = [self._new.popleft() for _ in range(len(self._new))]
        for _, picture in new:
            if picture and picture.notes:
                self._changed += 1
                if len(self._listed) <= MAX_DESCRIBED:
                    self._say(f"{picture.name}: {'; '.join(picture.notes)}")
        rows = [self._make_row(number, picture) for number, picture in new]
        return {IMAGES: concatenate_rows(rows)} if rows else {}

    def find_lacking(self, run: Run) -> int:
        lacking = self._pending.find_lacking(run)
        return lacking if self._reenactor.config.reenacts else 0  # others take no time

    def count_released(self, case: int, rule: str) -> float:
        return self._pending.count_released(rule, case)

    def has_ended(self, case: int, rule: str) -> bool:
        return (rule, case) in self._pending.answered

    def take_judged(self) -> list[Judged]:
        judged, self._judged = self._judged, []
        return judged

    def count_unanswered(self) -> int:
        return len(self._pending.unanswered)

    def settle(self, rows: Groups) -> Groups:
        """Return starts that have ended, polished, and the certificates of images they answer."""
        parts = [self._polish(rows)]
        self._pending.add(parts[0])
        for due in self._pending.take_agreeing():
            if (row := self._certify(due, answers=True)) is None:
                self._pending.open(due)
            else:
                self._pending.end(due)
                parts.append({name_certificates(due.rule): row})
        return join_groups(parts)

    def iterate_certificates(self) -> Iterator[Groups]:
        for due in self._pending.take_due():
            row = self._certify(due)
            if row is not None:
                yield {name_certificates(due.rule): row}

    def find_uncounted(self, run: Run) -> dict[str, np.ndarray]:
        return self._pending.find_uncounted(run)

    def _polish(self, rows: Groups) -> Groups:
        """Return the starts of images that are not answered yet, polished."""
        if self._polisher is None:
            return rows
        polished: Groups = {}
        for rule in self._reenactor.config.clip:
            name, parts = name_starts(rule), []
            for image, starts in split_by_image(rows.get(name, NO_ROWS)).items():
                if not self.has_ended(image, rule):
                    key, polished_starts = (rule, image), dict(starts)
                    with self._watch(key):
                        known = self._pending.join(rule, image, starts)
                        own = key, self._pictures[image], polished_starts
                        polished_starts = self._polisher.polish(*own, known)
                    parts.append(polished_starts)
            if parts:
                polished[name] = concatenate_rows(parts)
        return polished

    def _certify(self, due: DueStarts, *, answers: bool = False) -> Columns | None:
        key, row, jacobian = (due.rule, due.image), None, None
        if key not in self._failures:
            with self._watch(key):
                picture = self._pictures[due.image]
                if self._polisher is not None:
                    jacobian = self._polisher.get_jacobian(key, picture, due.columns)
                row = make_certificate(due, picture, self._reenactor, jacobian, answers=answers)
        if error := self._failures.get(key):
            row = make_failed_certificate(due, self._reenactor.generator, error, answers=answers)
        if row is None:
            return None
        if self._polisher is not None:
            self._polisher.forget(key)
        is_answered = key not in self._pending.unanswered
        self._pending.unanswered.discard(key)
        self._judged.append(Judged(due.image, self._seconds.pop(key, 0.0), is_answered))
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
            self._failures[key] = str(error)
        except GaninvError:
            raise
        except Exception as error:  # whatever a bug in judging this image raises
            if isinstance(error, OSError) and error.errno is not None:  # Pillow's have none
                raise
            self._failures[key] = _explain_failure(error)
        finally:
            self._seconds[key] += time.monotonic() - start_time

    def end(self) -> list[str]:
        if self._changed and len(self._listed) > MAX_DESCRIBED:
            changed, images = f"{self._changed:,}", f"{len(self._listed):,}"
            self._say(f"{changed} of {images} images were cropped, resized or recoloured when read")
        unread = [self._errors[number] for number in self._listed if self._errors.get(number)]
        if len(unread) == len(self._listed):
            raise ImageError(unread[0])
        unjudged = [
            sentence.replace(THIS_PICTURE, self._listed[image].name, 1)
            for (_, image), sentence in self._failures.items()
        ]
        return unread + unjudged

    def _add(self, number: int, error: str, picture: Picture | None = None) -> None:
        self._errors[number] = error
        self._new.append((number, picture))

    def _make_row(self, number: int, picture: Picture | None) -> Columns:
        image, pixels, notes, counted = self._listed[number], self._pictures.black, "", 0
        floats = {}
        if picture:
            pixels, notes = picture.pixels, "; ".join(picture.notes)
            counted = picture.counted_values
            floats = {} if picture.floats is None else {"target_float": picture.floats}
        values = {
            IMAGE: number,
            "name": image.name,
            "sha256": image.sha256,
            "changes": notes,
            "error": self._errors[number],
            "target": pixels,
            "pixels_counted": counted,
            **floats,
        }
        return make_row(IMAGES, values)


def _leave_out_failed(run: Run, rules: Sequence[str], images: Sequence[int]) -> None:
    """Leave out the certificates of images that could not be judged, which are judged again."""
    for rule in rules:
        name = name_certificates(rule)
        rows = run.read_group(name)
        failed = np.isin(rows[IMAGE], images) & (rows.get(ERROR, np.bytes_()) != b"")
        if failed.any():
            run.leave_out(name, failed)


def _explain_failure(error: Exception) -> str:
    """Return what was raised where in this package, and what to do."""
    frames = [each for each in extract_tb(error.__traceback__) if PACKAGE in each.filename]
    place = f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}"
    return (
        f"{THIS_PICTURE} could not be judged ({type(error).__name__} in {place}: "
        f"{shorten_error(error)}); that is a bug of ganinv: report it with the picture and the "
        "generator"
    )
