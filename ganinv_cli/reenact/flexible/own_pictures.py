"""What random pictures of a generator tell: how they differ, and roughly which z made a picture."""

from typing import NamedTuple

import numpy as np

from ganinv_cli.generators.network.generator import Generator
from ganinv_cli.generators.network.siblings import make_sibling
from ganinv_cli.inversion.objective.ground_truth import draw_z
from ganinv_cli.inversion.randomness import Purpose
from ganinv_cli.reenact.flexible.normalised_fit import COARSE, normalise
from ganinv_cli.reenact.pixels import to_grey_levels

MOST_DIRECTIONS = 200  # of own pictures
MIN_DIRECTIONS = 8
PICTURES_PER_DIRECTION = 4
MAX_VALUES = 2**24  # of all these pictures
BATCH = 16
SIBLINGS = 3  # whose differences from own pictures are directions too
NOISE = 0.1  # of the weights of siblings
RIDGE = 1.0  # of a guess, relative to the mean square of the pictures without their mean


class Guess(NamedTuple):
    """A guess of z that is linear in a normalised picture: a ridge regression (Hoerl 1970)."""

    mean: np.ndarray  # (values,), of normalised pictures
    middle: np.ndarray  # (latent,), the mean z
    weights: np.ndarray  # (latent, values) float32

    def predict(self, picture: np.ndarray) -> np.ndarray:
        """Return z (latent,) behind a picture (height, width, channels)."""
        rest = normalise(picture, COARSE).ravel() - self.mean
        return np.asarray(self.weights @ rest.astype(np.float32) + self.middle, np.float64)


class OwnPictures(NamedTuple):
    """What is known from random pictures of a generator."""

    directions: np.ndarray  # (n, values) float32, orthogonal: of the pictures and of near weights
    guess: Guess


def measure_own_pictures(generator: Generator) -> OwnPictures:
    """Return what some hundred pictures tell. Those of a conditional generator have label 0."""
    affordable = MAX_VALUES // generator.count_values() // PICTURES_PER_DIRECTION
    count = max(MIN_DIRECTIONS, min(MOST_DIRECTIONS, affordable))
    numbers, random = np.arange(PICTURES_PER_DIRECTION * count), np.random.default_rng(3)
    z = draw_z(generator, Purpose.edits, numbers, 1).astype(np.float64)
    pictures = generator.render(z, BATCH)
    found = find_directions(pictures, count)
    siblings = [make_sibling(generator, NOISE, random) for _ in range(SIBLINGS)]
    parts = np.array_split(np.arange(len(z)), SIBLINGS)
    differences = [
        sibling.render(z[part], BATCH) - pictures[part]
        for sibling, part in zip(siblings, parts, strict=True)
        if sibling is not None
    ]
    if differences:
        added = find_directions(np.concatenate(differences), count // 2)
        found = np.linalg.qr(np.concatenate([found, added]).T)[0].T
    return OwnPictures(np.asarray(found, np.float32), fit_guess(pictures, z))


def find_directions(pictures: np.ndarray, count: int) -> np.ndarray:
    """Return orthogonal directions (n, values) of most of the variance of pictures (Pearson 1901).

    The pictures are (m, height, width, channels); n is `count`, or less if they have no more.
    """
    values = pictures.reshape(len(pictures), -1).astype(np.float64)
    values -= values.mean(0)
    variances, mixtures = np.linalg.eigh(values @ values.T)
    largest = np.flatnonzero(variances > 1e-9 * variances[-1])[::-1][:count]
    scaled = mixtures[:, largest] / np.sqrt(variances[largest])
    return np.asarray(scaled.T @ values)


def fit_guess(pictures: np.ndarray, z: np.ndarray) -> Guess:
    """Return the guess from pictures (m, height, width, channels), -1 to 1, of z (m, latent)."""
    normalised = np.stack(
        [normalise(picture, COARSE).ravel() for picture in to_grey_levels(pictures)]
    )
    normalised = normalised.astype(np.float32)
    mean, middle = normalised.mean(0), z.mean(0)
    rest = normalised - mean
    products = (rest @ rest.T).astype(np.float64)
    products[np.diag_indices(len(z))] += RIDGE * np.trace(products) / len(z)
    weights = np.linalg.solve(products, z - middle).T @ rest
    return Guess(mean, middle, weights.astype(np.float32))
