"""The results file: HDF5 that survives a kill at any instant."""

from ganinv_cli.results.store.attributes import Provenance
from ganinv_cli.results.store.hdf5 import Image, Results
from ganinv_cli.results.store.read import SaveError, load_results, read_results, select_images
from ganinv_cli.results.store.rows import Figure
from ganinv_cli.results.store.run import Run, check_replaceable, open_run

__all__ = [
    "Figure",
    "Image",
    "Provenance",
    "Results",
    "Run",
    "SaveError",
    "check_replaceable",
    "load_results",
    "open_run",
    "read_results",
    "select_images",
]
