"""The float types in which a picture may have been stored, told by its values."""

import numpy as np

# Bits of the significand after its first one, the fewest first
FLOAT_TYPES = {"bfloat16": 7, "float16": 10, "float32": 23, "float64": 52}


def find_float_type(values: np.ndarray) -> str:
    """Return the name of the first of FLOAT_TYPES that holds all finite values exactly.

    Values that were computed in half precision are told from others in an array of any type.
    """
    significands, _ = np.frexp(values.astype(np.float64))

    def has_bits(bits: int) -> bool:
        scaled = np.ldexp(significands, bits + 1)
        return bool((scaled == np.rint(scaled)).all())

    return next(name for name, bits in FLOAT_TYPES.items() if has_bits(bits))


def find_spacing(values: np.ndarray, float_type: str) -> np.ndarray:
    """Return how far the numbers of a float type lie apart at each value, float64."""
    _, exponents = np.frexp(values)
    spacing = np.ldexp(1.0, exponents - 1 - FLOAT_TYPES[float_type])
    return np.where(values == 0, 0.0, spacing)  # next to 0 are the smallest numbers
