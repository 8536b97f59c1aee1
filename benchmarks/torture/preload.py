"""Import what commands import, and let them commit and save often, as short runs otherwise do not.

The fork server of `process.py` imports this.
"""

from importlib import import_module

MODULES = (
    "matplotlib.backends.backend_agg",
    "tensorflow",
    "ganinv_cli.api",
    "ganinv_cli.results.report",
)
INTERVALS = {  # seconds
    ("experiments.committer", "COMMIT_SECONDS"): 0.0,
    ("experiments.worker", "RESULT_SECONDS"): 0.0,
    ("inversion.loop.sizing", "INCREMENT_SECONDS"): 0.0,
    ("inversion.loop.saved_batch", "SAVE_SECONDS"): 0.1,
}

for name in MODULES:
    import_module(name)
for (part, name), seconds in INTERVALS.items():
    module = import_module(f"ganinv_cli.{part}")
    assert hasattr(module, name), name
    setattr(module, name, seconds)
