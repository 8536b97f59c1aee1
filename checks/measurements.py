"""Measure the generators that ship, and write that beside them: python -m checks.measurements

The preconditioner is the one for photographs, as `invert` and `consistency` need it. With the
weights of known z (`recover`) it has up to 59 MB, too much to ship.
"""

import os
import shutil
from tempfile import TemporaryDirectory
from unittest.mock import patch

import ganinv_cli as ganinv
from ganinv_cli import cache
from ganinv_cli.settings.shipped import find_folder

GENERATORS = ("portraits64", "faces32", "faces16")  # those of the wheel


def main() -> None:
    """Write the folders."""
    for name in GENERATORS:
        measured = find_folder("checkpoint") / name / cache.SHIPPED
        shutil.rmtree(measured, ignore_errors=True)
        with TemporaryDirectory() as folder:
            os.environ["XDG_CACHE_HOME"] = folder
            with patch.object(cache, "describe_environment", tuple):  # it is used everywhere
                _measure(name)
            shutil.copytree(cache.find_cache_folder() or folder, measured)


def _measure(name: str) -> None:
    """Keep the measurements of one generator in the cache."""
    generator = ganinv.load(name).build()  # keeps the check of its norms
    from ganinv_cli.inversion.objective.preconditioner import find_preconditioner
    from ganinv_cli.inversion.solvers.lbfgs import LBFGS
    from ganinv_cli.reenact.known_pictures import find_stranger_errors

    find_stranger_errors(generator, None)
    find_preconditioner(generator, LBFGS().preconditioner_points, preconditioned=False)


if __name__ == "__main__":
    main()
