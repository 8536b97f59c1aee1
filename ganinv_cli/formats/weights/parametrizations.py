"""What PyTorch keeps in place of a weight: parts from which each forward pass makes it."""

import numpy as np

from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.weights.weight import Weight


def apply_spectral_norm(name: str, weight: Weight, u: Weight, v: Weight) -> Weight:
    """W / σ with σ = u W v, W being the matrix of outputs by everything else."""
    sizes = {u.shape: v.shape}

    def read() -> np.ndarray:
        kernel, left, right = weight.read(), u.read(), v.read()
        # the outputs of a transposed convolution are its second axis; of the two only the right
        # one goes with u and v, which make σ as large as can be
        axes = [a for a in range(min(kernel.ndim, 2)) if sizes == {(kernel.shape[a],): v.shape}]
        sigmas = [
            float(left @ (np.moveaxis(kernel, axis, 0).reshape(left.size, -1) @ right))
            for axis in axes
            if kernel.size == left.size * right.size
        ]
        if not sigmas or not max(sigmas) > 0:
            raise UnreadableError(f"the spectral norm of {name} does not fit its weight")
        return np.asarray(kernel / np.float32(max(sigmas)), np.float32)

    return Weight(weight.shape, read)


def apply_weight_norm(name: str, magnitude: Weight, direction: Weight) -> Weight:
    """g v / ‖v‖, the norm over the axes in which g has one value."""

    def read() -> np.ndarray:
        g, v = magnitude.read(), direction.read()
        axes = tuple(axis for axis, size in enumerate(g.shape) if size == 1)
        norm = np.sqrt((v * v).sum(axis=axes, keepdims=True))
        if g.shape != norm.shape or not norm.all():
            raise UnreadableError(f"the weight norm of {name} does not fit its weight")
        return np.asarray(v * (g / norm), np.float32)

    return Weight(direction.shape, read)
