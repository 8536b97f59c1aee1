"""Types of arrays."""

import numpy as np
from numpy.typing import NDArray

Booleans = NDArray[np.bool_]
Floats = NDArray[np.floating]
Integers = NDArray[np.integer]
