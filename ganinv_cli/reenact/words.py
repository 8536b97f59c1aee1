"""What was done to a picture, in words."""

import numpy as np

SEEN_SHIFT = 0.05  # pixels; less is not mentioned
SEEN_SCALE = 0.004
SEEN_COLOUR = 0.02  # of an entry of the matrix
SEEN_OFFSET = 2.0  # grey levels


def describe_geometry(right: float, down: float, scale: float) -> str:
    """Return a shift in pixels and a scale in words; empty for none."""
    parts = []
    if max(abs(right), abs(down)) > SEEN_SHIFT:
        x, y = (f"{round(value, 1) + 0.0:g}" for value in (right, down))
        parts.append(f"shifted by ({x}, {y}) pixels")
    if abs(scale - 1) > SEEN_SCALE:
        parts.append(f"enlarged {scale:.2f} times" if scale > 1 else f"reduced {scale:.2f} times")
    return ", ".join(parts)


def describe_colours(matrix: np.ndarray, offset: np.ndarray) -> str:
    """Return colours x A + b in words; empty for the same colours."""
    gain = float(np.trace(matrix)) / len(matrix)
    same_offset = np.ptp(offset) <= SEEN_OFFSET
    if len(matrix) > 1 and np.ptp(matrix, axis=1).max() <= SEEN_COLOUR and same_offset:
        return "made grey"
    if np.abs(matrix - gain * np.eye(len(matrix))).max() > SEEN_COLOUR or not same_offset:
        return "colours changed"
    if np.abs(offset).max() > SEEN_OFFSET:
        return f"colours changed (contrast × {gain:.2f})"
    return f"colours changed (brightness × {gain:.2f})" if abs(gain - 1) > SEEN_COLOUR / 2 else ""
