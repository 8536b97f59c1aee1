"""The statistics of batch norms tell the conventions; what they cannot tell stays assumed."""

from pathlib import Path

import numpy as np
import pytest
from random_generators import write_random_generator
from torch_files import save_archive
from torch_generators import make_dcgan

from ganinv_cli.formats import read


@pytest.mark.parametrize("seed", range(3, 7))
def test_what_is_inferred_of_a_random_generator_is_true(tmp_path: Path, seed: int) -> None:
    generator = write_random_generator(seed, tmp_path)
    checkpoint = read(generator.path)
    inferred = {
        (row.name, row.layer): row.value
        for row in checkpoint.conventions
        if row.source == "inferred"
    }
    truth = generator.truth | {("prior", ""): generator.prior}
    assert inferred.items() <= truth.items()
    behind = {key for key in inferred if key in generator.behind}
    assert not behind


def test_statistics_that_were_never_updated_tell_nothing(tmp_path: Path) -> None:
    state = make_dcgan().state
    for name, array in state.items():
        if name.endswith("running_mean"):
            state[name] = np.zeros_like(array)
        if name.endswith("running_var"):
            state[name] = np.ones_like(array)
    rows = read(save_archive(tmp_path / "g.pt", state)).conventions
    assert {row.source for row in rows} <= {"assumed", "file"}
