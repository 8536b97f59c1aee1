"""What the arrays that are counted and averaged hold."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Booleans = NDArray[np.bool_]
Floats = NDArray[np.floating]
Integers = NDArray[np.integer]
Scalar = TypeVar("Scalar", bound=np.generic)
