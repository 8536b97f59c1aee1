"""The archive of the best z of each image, and the prior of a run."""

import numpy as np
import pytest
from reports.known_sweep import (
    LATENT,
    add_labels,
    add_reenactment,
    make_image_groups,
    make_image_results,
)

from ganinv_cli.errors import GaninvError, ResultsError
from ganinv_cli.experiments.summary import summarize
from ganinv_cli.results.analysis import latents
from ganinv_cli.results.analysis.recoveries import read_prior


@pytest.fixture
def save(monkeypatch, tmp_path):
    """Save the z of results, as if they had been read."""

    def save(results, npz=tmp_path / "z.npz"):
        monkeypatch.setattr(latents, "read_results", lambda path: results)
        latents.save_latents(tmp_path / "invert.h5", npz)
        with np.load(npz, allow_pickle=False) as file:
            return dict(file)

    return save


def test_the_archive_has_a_row_per_image_and_rule_and_is_the_same_each_time(save, tmp_path):
    first = make_image_groups(minima=(4, 2), losses=(50.0, 50.1))
    both = make_image_groups() | make_image_groups(technique="none")
    results = make_image_results("invert", a=first, unread="no image", b=both)
    found = save(results)
    before = (tmp_path / "z.npz").read_bytes()
    assert found["names"].tolist() == ["a", "b", "b"]
    assert found["rule"].tolist() == ["stochastic", "none", "stochastic"]
    assert found["sha256"].tolist() == ["ab" * 32] * 3
    assert found["verdict"].tolist() == ["no verdict"] * 3
    assert (found["z"].dtype, found["z"].shape) == (np.float64, (3, LATENT))
    assert np.array_equal(found["z"][0], first["stochastic/starts"]["polished/z_found"][0])
    assert found["image_loss"].tolist() == [50] * 3
    assert found["psnr"] == pytest.approx([10 * np.log10(4 * 16 * 16 * 3 / 50)] * 3)
    assert (found["agreeing"].tolist(), found["starts"].tolist()) == ([4, 10, 10], [6, 10, 10])
    assert found["checkpoint_sha256"] == results.attributes["checkpoint_sha256"]
    assert "label" not in found
    assert latents.holds_saved_latents(tmp_path / "z.npz")
    save(results)
    assert (tmp_path / "z.npz").read_bytes() == before


def test_the_archive_has_the_labels_that_were_found_or_given(save):
    groups = add_labels(make_image_groups(minima=(1, 1), losses=(2.0, 1.0)), 0, 2)
    assert save(make_image_results("invert", a=groups))["label"].tolist() == [2]
    given = make_image_results("invert", a=make_image_groups())
    given.attributes["config"]["label"] = 1
    assert save(given)["label"].tolist() == [1]


def test_z_has_a_standard_error_only_if_the_generator_made_the_image(save):
    again = {"explained": 0, "stranger_rmse": [0.1]}
    images = {"own": {}, "other": again, "edited": again | {"edited": 1}}
    own = {name: add_reenactment(make_image_groups(), **each) for name, each in images.items()}
    results = make_image_results("invert", **own)
    found = save(results)
    assert found["verdict"].tolist() == ["made", "outside", "edited"]
    assert np.isnan(found["z_deviation"]).all(axis=1).tolist() == [False, True, False]
    rows = summarize(results, "x").rows
    assert [row["z_deviation_mean"] is None for row in rows] == [False, True, False]


def test_without_z_or_a_place_to_write_there_is_a_sentence(save, tmp_path):
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with pytest.raises(GaninvError, match=r"z\.npz: .* cannot be written"):
        save(make_image_results("invert", a=make_image_groups()), tmp_path / "taken" / "z.npz")
    with pytest.raises(ResultsError, match="holds no z of an image"):
        save(make_image_results("invert", unread="no image"))


def test_a_prior_of_a_newer_version_is_refused():
    with pytest.raises(ResultsError, match="names the prior 'cauchy:1'"):
        read_prior({"prior": "cauchy:1"})
