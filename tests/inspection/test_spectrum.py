"""What `inspect --spectrum` says of singular values."""

import numpy as np

from ganinv_cli.inspection.spectrum import Spectrum, summarize_spectrum


def test_directions_without_effect_count_for_the_rank_and_not_for_the_condition():
    values = np.array([[8.0, 2.0, 1e-9], [6.0, 3.0, 0.003], [np.nan] * 3])
    summary = summarize_spectrum(Spectrum(values, None, tolerance=1e-7))
    assert summary["condition"] == {"median": (4 + 2000) / 2, "worst": 2000}
    assert summary["rank"] == {"least": 2, "most": 3, "of": 3}
    assert (summary["flat_points"], summary["not_finite"]) == (1, 1)
    assert summary["weak"] == {"below": 1e-3, "median": 1.0, "most": 1}
