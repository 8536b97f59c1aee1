"""The results file: HDF5 that survives a kill at any instant."""

from ganinv_cli.store.contents import Figure
from ganinv_cli.store.files import SaveError
from ganinv_cli.store.provenance import Provenance
from ganinv_cli.store.results import NamedImage, Results, read_results, select_images
from ganinv_cli.store.run import Run, open_run
from ganinv_cli.store.schema import join_rows

__all__ = [
    "Figure",
    "NamedImage",
    "Provenance",
    "Results",
    "Run",
    "SaveError",
    "join_rows",
    "open_run",
    "read_results",
    "select_images",
]
