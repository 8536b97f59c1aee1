"""Pictures in grey levels, 0 to 255, (…, height, width, channels): the scale of re-enactment."""

import numpy as np

WHITE = 255.0
GREY_LEVELS = 127.5  # per unit of a pixel in [−1, 1]
LUMA = np.array([0.299, 0.587, 0.114])  # of red, green and blue, in JPEG
CHROMA = np.array([[-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])  # Cb, Cr
BLOCK = 8  # pixels of a side of a block of JPEG


def to_grey_levels(pictures: np.ndarray) -> np.ndarray:
    """Return pictures in [−1, 1] in grey levels, float64."""
    return np.asarray((pictures.astype(np.float64) + 1) * GREY_LEVELS)


def round_to_pixels(pictures: np.ndarray) -> np.ndarray:
    """Return grey levels as uint8."""
    return np.asarray(np.rint(pictures.clip(0, WHITE)), np.uint8)


def to_luma(pictures: np.ndarray) -> np.ndarray:
    """Return the luma (…, height, width) of pictures."""
    luma = pictures @ LUMA if pictures.shape[-1] == 3 else pictures[..., 0]
    return np.asarray(luma, np.float64)


def measure_rms(values: np.ndarray) -> float:
    """Return the root mean square; infinite of no values."""
    return float(np.sqrt(np.mean(values**2))) if values.size else np.inf


def is_unclipped(picture: np.ndarray) -> np.ndarray:
    """Return which values are inside the grey levels; others are stored as 0 or 255."""
    return np.asarray((picture > 0) & (picture < WHITE))


def split_blocks(values: np.ndarray, grid: tuple[int, int] = (0, 0)) -> np.ndarray:
    """Return (…, height, width) as (…, block rows, block columns, 8, 8), without the rest.

    The grid is the row and the column at which the first whole block begins.
    """
    down, right = grid
    cut = values[..., down:, right:]
    rows, columns = (size // BLOCK for size in cut.shape[-2:])
    whole = cut[..., : rows * BLOCK, : columns * BLOCK]
    blocks = whole.reshape(*values.shape[:-2], rows, BLOCK, columns, BLOCK)
    return np.swapaxes(blocks, -3, -2)


def average_chroma(picture: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Return the mean chroma (2, blocks) of a picture's complete blocks whose pixels all count."""
    whole = split_blocks(counted).all((-2, -1))
    blocks = split_blocks(np.moveaxis(picture.clip(0, WHITE) @ CHROMA.T, -1, 0))
    return np.asarray(blocks.mean((-2, -1))[:, whole])
