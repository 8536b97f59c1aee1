"""The archive of the best z of each image, and the prior in words."""

import numpy as np
import pytest
from reports.known_sweep import LATENT, add_labels, make_image_groups, make_image_results

from ganinv_cli.analysis import latents
from ganinv_cli.analysis.recoveries import describe_prior, read_prior
from ganinv_cli.errors import GaninvError, ResultsError
from ganinv_cli.prior import make_normal


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
    assert np.array_equal(found["z"][0], first["stochastic"]["polished/z_found"][0])
    assert found["image_loss"].tolist() == [50] * 3
    assert found["psnr"] == pytest.approx([10 * np.log10(4 * 16 * 16 * 3 / 50)] * 3)
    assert (found["agreeing"].tolist(), found["starts"].tolist()) == ([4, 10, 10], [6, 10, 10])
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


def test_without_z_or_a_place_to_write_there_is_a_sentence(save, tmp_path):
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with pytest.raises(GaninvError, match=r"z\.npz: .* cannot be written"):
        save(make_image_results("invert", a=make_image_groups()), tmp_path / "taken" / "z.npz")
    with pytest.raises(ResultsError, match="holds no z of an image"):
        save(make_image_results("invert", unread="no image"))


def test_the_prior_of_a_run_is_read_from_its_config_and_said_if_it_is_not_the_papers():
    assert describe_prior(read_prior({})) == []
    (uniform,) = describe_prior(read_prior({"prior": "uniform:0,1"}))
    assert uniform == "z is drawn from a prior that is uniform in [0, 1]."
    (normal,) = describe_prior(make_normal(100))
    assert "this keeps 99.99 % of a component's draws." in normal
    with pytest.raises(ResultsError, match="names the prior 'cauchy:1'"):
        read_prior({"prior": "cauchy:1"})
