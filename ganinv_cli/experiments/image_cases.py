"""The images of a run as its cases: each is decoded, checked and recorded when its turn comes."""

import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache

import numpy as np

from ganinv_cli.errors import ImageError
from ganinv_cli.experiments.answers import Key
from ganinv_cli.experiments.image_inputs import ListedImage, read_images
from ganinv_cli.experiments.image_judge import THIS_PICTURE
from ganinv_cli.experiments.trial_rows import Columns, Groups, make_row
from ganinv_cli.images import Crop, Picture, load_picture, suppress_pillow_warnings
from ganinv_cli.images.load import ImageShape
from ganinv_cli.results.store import Image, Run
from ganinv_cli.results.store.columns import IMAGE
from ganinv_cli.results.store.rows import concatenate_rows
from ganinv_cli.settings.names import IMAGES

KEPT_PICTURES = 256  # of files, decoded; others are decoded again
MAX_DESCRIBED = 8  # images whose changes are described one by one


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


class ImageCases:
    """The images that a command names; of a file that cannot be decoded its error is recorded."""

    def __init__(
        self,
        listed: Mapping[int, ListedImage],
        images: Sequence[Image],
        pictures: Pictures,
        run: Run,
        check: Callable[[Picture], None],
        say: Callable[[str], None],
    ) -> None:
        """Run the `listed` images of a shard, by number.

        `images` are those that the command names, under its names. `check` raises ImageError if an
        experiment cannot use a picture.
        """
        self.images, self.pictures = images, pictures
        self._listed, self._check, self._say = listed, check, say
        self._errors = {number: image.error for number, image in read_images(run)}  # empty: none
        self._new = deque[tuple[int, Picture | None]]()  # threads of workers add to it
        self._changed = 0  # images
        for number, image in listed.items():
            if image.error and number not in self._errors:
                self._add(number, image.error)
        self.readable = [number for number in listed if not self._errors.get(number)]

    def begin(self, case: int) -> bool:
        """Decode and check an image when its turn comes; return whether it can be used."""
        if case not in self._errors:
            try:
                picture = self.pictures[case]
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

    def end(self, failures: Mapping[Key, str]) -> list[str]:
        """Return a sentence for each image that could not be read or judged.

        `failures` has the latter. Raises ImageError if none could be read.
        """
        if self._changed and len(self._listed) > MAX_DESCRIBED:
            changed, images = f"{self._changed:,}", f"{len(self._listed):,}"
            self._say(f"{changed} of {images} images were cropped, resized or recoloured when read")
        unread = [self._errors[number] for number in self._listed if self._errors.get(number)]
        if len(unread) == len(self._listed):
            raise ImageError(unread[0])
        unjudged = [
            sentence.replace(THIS_PICTURE, self._listed[image].name, 1)
            for (_, image), sentence in failures.items()
        ]
        return unread + unjudged

    def _add(self, number: int, error: str, picture: Picture | None = None) -> None:
        self._errors[number] = error
        self._new.append((number, picture))

    def _make_row(self, number: int, picture: Picture | None) -> Columns:
        image, pixels, notes, counted = self._listed[number], self.pictures.black, "", 0
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
