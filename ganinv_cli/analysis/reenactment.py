"""What a certificate stores of the re-enactment of an image: which changes of G(z) make it."""

from typing import NamedTuple

import numpy as np

from ganinv_cli.analysis.groups import Group, Pixels
from ganinv_cli.statistics import Floats


class Reenactment(NamedTuple):
    """The chain of changes that comes nearest to the image, and what is left after it."""

    explained: bool  # whether the chain leaves no more than it does of the generator's own pictures
    chain: str  # in words, e.g. "saved as JPEG 75"; empty: rounded to 8 bits alone
    excess: float  # RMS in grey levels that the chain leaves
    limit: float  # of the generator's own pictures, at most
    z: Floats  # (latent,), refitted through the chain; the best one if nothing explains the image
    deviation: Floats  # (latent,) standard error of z
    known_directions: int  # with a standard error below half the prior's deviation
    stranger_rmse: Floats  # (strangers,) grey levels, of pictures that it cannot make, ascending
    has_border: bool = False  # that does not count

    @property
    def words(self) -> str:
        """The chain, and what was left out; empty: rounded to 8 bits alone."""
        return "; ".join(filter(None, [self.chain, "without its border" * self.has_border]))

    @property
    def changes_picture(self) -> bool:
        """Whether the chain has more than a storage, so that G(z) itself is another picture."""
        return bool(self.chain) and not self.chain.startswith(("saved as", "noise of"))


def read_reenactment(certificate: Group | None, has_border: bool) -> Reenactment | None:
    """Return the re-enactment in a certificate of one row; None for an older file."""
    if certificate is None or "explained" not in certificate:
        return None
    row = {name: values[0] for name, values in certificate.items()}
    strangers = row.get("stranger_rmse", np.zeros(0))
    return Reenactment(
        bool(row["explained"]),
        bytes(row["chain"]).decode(errors="replace"),
        float(row["excess"]),
        float(row["excess_limit"]),
        row["z_explained"].astype(np.float64),
        row["z_deviation"].astype(np.float64),
        int(row["known_directions"]),
        strangers[np.isfinite(strangers)],
        has_border,
    )


def get_reconstruction(certificate: Group) -> Pixels:
    """Return G(z), after the chain if it explains the image (height, width, channels)."""
    explained = "explained" in certificate and certificate["explained"][0]
    return np.asarray(certificate["reenacted" if explained else "reconstruction"][0])
