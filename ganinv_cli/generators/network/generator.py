"""A frozen generator: latent vectors in, images out, and its Jacobian J = dG/dz at one z.

J is exact: each layer or operation carries its columns forwards.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any, Literal, TypeVar

import numpy as np
import tensorflow as tf

from ganinv_cli.generators.network.definition import UNKNOWN, Origin
from ganinv_cli.prior import Prior

BatchNormMode = Literal["frozen", "batch"]
Kept = TypeVar("Kept")
MAX_KEPT = 8  # results of `Generator.reuse`
PIXEL_ROUNDING = 1e-13  # squared rounding error of a pixel in float32: about three ulp, squared
MAX_LAYER_VALUES = 1 << 26  # of the largest layer, in images or columns of J computed together


class Generator(ABC):
    """z (batch, latent) -> images (batch, height, width, channels) in [-1, 1].

    With `batch_norm="frozen"` a row's image depends on that row alone. With `"batch"` each batch
    norm uses the moments of its batch, as the paper's code did, which couples the rows.

    A conditional generator has `labels` labels, and needs one for every z.
    `network.make_generator` makes one from its definition.
    """

    prior: Prior
    origin: Origin = UNKNOWN
    draws: np.ndarray | None = None  # of z, (n, latent); None: they follow from the prior
    reach: float = 1.0  # largest absolute value of a pixel; 1: a function bounds it
    sha256: str  # of the network
    latent: int
    latent_shape: tuple[int, ...]  # of one z, where users see it
    labels: int  # 0: unconditional
    image_shape: tuple[int, int, int]  # height, width, channels
    batch_norm: BatchNormMode
    multiply_adds: int  # of one forward pass for one image
    largest_layer: int  # values in the largest layer for one image
    jvp_gradients: float  # cost of a Jacobian-vector product, in gradients
    pixel_rounding: float = PIXEL_ROUNDING  # mean squared error that descent in float32 may leave
    gains_by_bfloat16: bool = True  # whether trials are faster with bfloat16 first, if that is fast

    @abstractmethod
    def __call__(
        self,
        z: tf.Tensor,
        precision: tf.DType | None = None,
        labels: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Return images in the precision of z; `labels` (batch,) are integers from 0.

        With `precision`, all layers but the first and the last are computed in that precision.
        """

    @abstractmethod
    def jvp(self, z: tf.Tensor, tangents: tf.Tensor, labels: tf.Tensor | None = None) -> tf.Tensor:
        """Return the Jacobian-vector products J·v (n, height, width, channels) at z (1, latent).

        `tangents` v are (n, latent). Exact except for rounding, in the precision of the tangents,
        which may be lower than the precision of z. Needs frozen batch-norm statistics.
        """

    def count_values(self, mask: np.ndarray | None = None) -> int:
        """Return the number of values of a picture, height · width · channels.

        With a mask (height, width, 1), only pixels with a nonzero mask count.
        """
        height, width, channels = self.image_shape
        return (height * width if mask is None else int(np.count_nonzero(mask))) * channels

    @property
    def is_clipped(self) -> bool:
        """Whether its pictures may leave [−1, 1], so that storing them clips them."""
        return self.reach > 1

    @property
    def jacobian_gradients(self) -> float:
        """Cost of J at one z, in gradients: a product per component, and a forward pass."""
        return self.jvp_gradients * self.latent + 0.5

    @cached_property
    def compiled_jvp(self) -> Callable[..., tf.Tensor]:
        """`jvp` as a compiled function, one for all precisions."""
        return tf.function(self.jvp, autograph=False)  # type: ignore[no-any-return]

    def reuse(self, make: Callable[..., Kept], *settings: Any, **options: Any) -> Kept:
        """Return make(self, …), or what an earlier call with equal arguments returned.

        What it has compiled is then not traced again. The latest MAX_KEPT results are kept.
        """
        arguments = tf.nest.flatten((settings, *options, options))
        key = make, *(a.tobytes() if isinstance(a, np.ndarray) else a for a in arguments)
        result: Kept = (
            self._results.pop(key) if key in self._results else make(self, *settings, **options)
        )
        self._results[key] = result
        for oldest in list(self._results)[:-MAX_KEPT]:
            self._results.pop(oldest, None)
        return result

    @property
    def max_rows(self) -> int:
        """How many images, or columns of J, are computed together, by the largest layer."""
        return max(1, MAX_LAYER_VALUES // self.largest_layer)

    def render(
        self,
        z: np.ndarray,
        batch_size: int,
        precision: str = "float32",
        labels: np.ndarray | None = None,
    ) -> np.ndarray:
        """Return images (n, height, width, channels) of z (n, latent), computed in batches.

        Unless they depend on their batch, these are smaller for large generators.
        """
        if self.batch_norm == "frozen":
            batch_size = min(batch_size, self.max_rows)
        missing = -len(z) % batch_size  # zeros keep one shape for the compiled code
        blocks = np.pad(z.astype(precision), ((0, missing), (0, 0)))
        given = np.zeros(len(z)) if labels is None else labels
        block_labels = np.pad(given, (0, missing)).astype(np.int32)
        images = np.empty((len(blocks), *self.image_shape), precision)
        for first in range(0, len(blocks), batch_size):
            rows = slice(first, first + batch_size)
            images[rows] = self._render_functions[precision](blocks[rows], block_labels[rows])
        return images[: len(z)]

    def _make_images(self, z: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        return self(z, labels=labels)

    @cached_property
    def _results(self) -> dict[tuple[Any, ...], Any]:
        return {}

    @cached_property
    def _render_functions(self) -> dict[str, Callable[[np.ndarray, np.ndarray], tf.Tensor]]:
        labels = tf.TensorSpec([None], tf.int32)
        return {
            precision: tf.function(
                self._make_images,  # a method: `start_tensorflow` knows it by its module
                [tf.TensorSpec([None, self.latent], precision), labels],
                autograph=False,
            )
            for precision in ("float32", "float64")
        }


def compute_jacobian(
    generator: Generator,
    z: np.ndarray,
    label: int = -1,
    precision: str = "float32",
    mask: np.ndarray | None = None,
) -> np.ndarray:
    """Return J transposed (latent, pixels) at z (latent,), exact except for rounding.

    The columns are computed in `precision`; a lower one is returned as float32. Pixels that a mask
    (height, width, 1) leaves out are 0. Costs `generator.jacobian_gradients`.
    Needs frozen batch-norm statistics. If ReLUs switch at z, J is the derivative of one side.
    """
    jacobian = np.concatenate([*compute_jacobian_blocks(generator, z, label, precision)])
    if mask is not None:
        jacobian.reshape(-1, *generator.image_shape)[...] *= mask.astype(jacobian.dtype)
    return jacobian


def compute_jacobian_blocks(
    generator: Generator, z: np.ndarray, label: int = -1, precision: str = "float32"
) -> Iterator[np.ndarray]:
    """Yield the rows of `compute_jacobian`, without a mask, in blocks (rows, pixels)."""
    point = tf.constant(z[None], tf.float64 if precision == "float64" else tf.float32)
    labels, tangents = tf.constant([label]), tf.eye(generator.latent, dtype=precision)
    rows = generator.max_rows
    for first in range(0, generator.latent, rows):
        images = generator.compiled_jvp(point, tangents[first : first + rows], labels)
        yield tf.cast(images, point.dtype).numpy().reshape(len(images), -1)


def compute_singular_values(
    generator: Generator, z: np.ndarray, label: int = -1, mask: np.ndarray | None = None
) -> np.ndarray:
    """Return the singular values of J at z (latent,), float64 (latent,), largest first.

    J is computed in float64; see `decompose_jacobian`.
    """
    return decompose_jacobian(compute_jacobian(generator, z, label, "float64", mask), generator)


def decompose_jacobian(jacobian: np.ndarray, generator: Generator) -> np.ndarray:
    """Return the singular values of Jᵀ (latent, pixels), float64 (latent,), largest first.

    If the image has fewer values than z, zeros follow. All are NaN if J is not finite.
    """
    if not np.isfinite(jacobian).all():
        return np.full(generator.latent, np.nan)
    triangle = tf.linalg.qr(jacobian.T)[1]  # has the same singular values, and is small
    found = np.linalg.svd(triangle, compute_uv=False)
    return np.pad(found, (0, generator.latent - len(found)))


def find_rounding(generator: Generator) -> float:
    """Return the relative size below which a singular value may be rounding alone.

    It is the tolerance of `numpy.linalg.matrix_rank`.
    """
    return max(generator.latent, generator.count_values()) * float(np.finfo(np.float64).eps)
