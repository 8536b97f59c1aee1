"""J = dG/dz at one z: how far each component of z moves the image."""

import numpy as np

from ganinv_cli.generator import Generator

STEP = 1e-6  # of the finite difference, in z: six digits in float64, and few ReLUs on the way


def singular_values(
    generator: Generator, z: np.ndarray, mask: np.ndarray | None = None
) -> np.ndarray:
    """Of J, float64 (latent,), largest first; J by forward differences in float64 at z (latent,).

    With a mask (height, width, 1), of the pixels that count. In a crease, where ReLUs switch at z,
    it is the J of one side. NaN where the images are not finite.
    """
    latent = generator.latent
    moved = z.astype(np.float64) + np.vstack([np.zeros(latent), STEP * np.eye(latent)])
    images = generator.render(moved, latent + 1, "float64")
    images = images if mask is None else images * mask
    images = images.reshape(latent + 1, -1)
    if not np.isfinite(images).all():
        return np.full(latent, np.nan)
    values: np.ndarray = np.linalg.svd((images[1:] - images[0]) / STEP, compute_uv=False)
    return values
