"""The files of a fit: `NAME.npz`, and `NAME.npz.state` until it has finished."""

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ganinv_cli.encoder.least_squares import Sums
from ganinv_cli.encoder.model import Encoder, damaged_error, read_npz, write_npz
from ganinv_cli.errors import ConfigError, GaninvError
from ganinv_cli.files import has_content, name_temporary

MAX_STATE_BYTES = 2**31  # of a state file


class FitFiles:
    """The files of one run; files of another run raise ConfigError."""

    def __init__(self, out: Path, run: dict[str, Any]) -> None:
        self._out = out
        self._state = out.with_name(f"{out.name}.state")
        self._run = run

    def remove(self) -> None:
        """Remove the encoder and the state."""
        with self._convert_disk_errors():
            self._out.unlink(missing_ok=True)
        self.remove_state()

    def remove_state(self) -> None:
        """Remove the state, and what a killed process has left of one."""
        with self._convert_disk_errors():
            self._state.unlink(missing_ok=True)
            name_temporary(self._state).unlink(missing_ok=True)

    def load_finished(self) -> Encoder | None:
        """Return the encoder that this run wrote, or None if it has not finished."""
        if not has_content(self._out):
            return None
        encoder = Encoder.load(self._out)
        self._check_run(self._out, encoder.about.get("run"))
        return encoder

    def load_sums(self) -> Sums | None:
        """Return the sums that this run saved, or None."""
        if not self._state.exists():
            return None
        arrays = read_npz(self._state, MAX_STATE_BYTES)
        try:
            self._check_run(self._state, json.loads(str(arrays["run"])))
            images, batches = (int(number) for number in arrays["counts"])
            return Sums(np.asfortranarray(arrays["squares"]), arrays["products"], images, batches)
        except (KeyError, ValueError) as error:
            raise damaged_error(self._state, f"no usable {error}") from error

    def save_sums(self, sums: Sums) -> None:
        """Save the sums, for `load_sums`."""
        arrays = {
            "squares": sums.squares,
            "products": sums.products,
            "counts": np.array([sums.images, sums.batches]),
            "run": np.array(json.dumps(self._run)),
        }
        with self._convert_disk_errors():
            write_npz(self._state, arrays)

    def write_encoder(self, encoder: Encoder) -> None:
        """Write the encoder and remove the state."""
        with self._convert_disk_errors():
            encoder.save(self._out)
        self.remove_state()

    def _check_run(self, path: Path, run: Any) -> None:
        there = run if isinstance(run, dict) else {}
        differing = [
            f"{key} is {json.dumps(there.get(key))} in the file, and {json.dumps(value)} here"
            for key, value in self._run.items()
            if there.get(key) != value
        ]
        if differing:
            raise ConfigError(
                f"{path} holds another fit: {'; '.join(differing)}. Name another file with --out, "
                "or replace this one with --overwrite"
            )

    @contextlib.contextmanager
    def _convert_disk_errors(self) -> Iterator[None]:
        """Turn an OSError into a GaninvError that names the file."""
        try:
            yield
        except OSError as error:
            raise GaninvError(
                f"{self._out} cannot be written ({error.strerror or error}); free some space "
                "or allow writing and run the same command again, or name another file with --out"
            ) from error
