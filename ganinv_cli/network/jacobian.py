"""J = dG/dz at one z: how far each component of z moves the image."""

import numpy as np

from ganinv_cli.network.generator import Generator

STEP = 1e-6  # of the finite difference, in z: six digits in float64, and few ReLUs on the way


def finite_difference_jacobian(
    generator: Generator,
    z: np.ndarray,
    step: float,
    batch_size: int,
    precision: str = "float32",
    mask: np.ndarray | None = None,
    label: int = -1,
) -> np.ndarray:
    """J transposed, float64 (latent, pixels), by forward differences of `step` at one z (latent,).

    The images are made in `precision`, `block` at a time. With a mask (height, width, 1) the pixels
    that do not count are 0. Not finite where the images are not. Costs (latent + 1) / 2 gradients.
    """
    latent = generator.latent
    steps = np.vstack([np.zeros(latent), step * np.eye(latent)]).astype(z.dtype)
    labels = np.full(latent + 1, label)
    images = generator.render(z + steps, batch_size, precision, labels).astype(np.float64)
    masked = images if mask is None else images * mask
    quotients: np.ndarray = (masked[1:] - masked[0]).reshape(latent, -1) / step
    return quotients


def singular_values(
    generator: Generator, z: np.ndarray, mask: np.ndarray | None = None, label: int = -1
) -> np.ndarray:
    """Of J, float64 (latent,), largest first; J by forward differences in float64 at z (latent,).

    With a mask (height, width, 1), of the pixels that count. In a crease, where ReLUs switch at z,
    it is the J of one side. NaN where the images are not finite.
    """
    latent = generator.latent
    jacobian = finite_difference_jacobian(
        generator, z.astype(np.float64), STEP, latent + 1, "float64", mask, label
    )
    if not np.isfinite(jacobian).all():
        return np.full(latent, np.nan)
    values: np.ndarray = np.linalg.svd(jacobian, compute_uv=False)
    return values
