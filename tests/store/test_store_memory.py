"""Memory of a report and time of a commit do not grow with the number of trials."""

import re
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from stored import commit_batches, make_provenance, parts_folder

from ganinv_cli.outcome import Outcome
from ganinv_cli.store import files, open_run
from ganinv_cli.store.schema import column_path

STATUS = Path("/proc/self/status")
TRIALS, LATENT, POINTS = 200_000, 500, 40
MOST = 480 << 20  # bytes; one column of z alone has 400 million
WIDE = {
    **dict.fromkeys(("z_start", "z_found", "first/z_found"), (LATENT,)),
    "z_snapshots": (3, LATENT),
    **dict.fromkeys(("curve_loss", "curve_error"), (POINTS,)),
}
NUMBERS = {
    f"{prefix}{name}": value
    for prefix in ("", "first/")
    for name, value in {
        "z_error": 1e-6,
        "image_loss": 0.1,
        "gradients": 60.0,
        "seconds": 0.1,
        "redraws": np.int32(0),
        "outcome": np.uint8(Outcome.converged),
    }.items()
} | {"z_error_least": 1e-6, "restarts": np.int32(0), "first/at_bound": np.int32(0)}


def _many(path):
    """Results of very many trials; equal columns are stored once."""
    made_by = make_provenance(config={"trials": TRIALS, "clip": ["stochastic"], "solver": "lbfgs"})
    now = "2026-01-01T10:00:00+00:00"
    with h5py.File(path, "w") as file:
        file.attrs.update(made_by.to_attributes(now, now, ["", "stochastic"], []))
        file["curve_gradients"] = np.geomspace(1, 1e4, POINTS)
        file["snapshot_gradients"] = np.geomspace(1, 1e4, 3)
        for group in ("", "stochastic"):
            file[column_path(group, "trial")] = np.arange(TRIALS)
        _column(file, "z_true", (LATENT,), np.float32(0.5))
        for name, shape in WIDE.items():
            _column(file, column_path("stochastic", name), shape, np.float32(0.5))
        for name, value in NUMBERS.items():
            _column(file, column_path("stochastic", name), (), value)


def _column(file, name, shape, value):
    file.create_dataset(
        name,
        (TRIALS, *shape),
        np.asarray(value).dtype,
        chunks=(max(1, (1 << 16) // int(np.prod(shape))), *shape),
        fillvalue=value,
    )


@pytest.mark.slow
@pytest.mark.skipif(not STATUS.exists(), reason="asks Linux, which alone forgets the parent's peak")
def test_a_report_of_many_wide_trials_fits_into_little_memory(tmp_path):
    path = tmp_path / "recover.h5"
    _many(path)
    assert path.stat().st_size < 10 << 20
    code = (
        "import pathlib, sys\nfrom ganinv_cli.cli import main\nmain(['report', sys.argv[1]], "
        f"standalone_mode=False)\nprint(pathlib.Path({str(STATUS)!r}).read_text())\n"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert f"{TRIALS:,} (1.00)" in done.stdout
    assert (tmp_path / "recover" / "convergence.png").exists()
    (peak,) = re.findall(r"VmHWM:\s+(\d+) kB", done.stdout)
    assert int(peak) << 10 < MOST


def test_a_commit_reads_nothing_and_writes_its_own_rows_alone(tmp_path, monkeypatch):
    path = tmp_path / "recover.h5"
    with open_run(path, make_provenance()) as run:
        commit_batches(run, *([trial] for trial in range(5)))
        run.finish()
        monkeypatch.setattr(files, "open_results", None)
        monkeypatch.setattr(files, "reopen_results", None)
        commit_batches(run, *([trial] for trial in range(5, 25)))
        sizes = {part.stat().st_size for part in parts_folder(path).iterdir()}
    assert len(sizes) == 1
