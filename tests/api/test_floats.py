"""Arrays of floats are inverted as they are."""

import numpy as np
import pytest
import tensorflow as tf
from called import save_image

import ganinv_cli as ganinv


@pytest.fixture(scope="module")
def floats(generator, images, tmp_path_factory):
    """A picture of the generator as floats of several kinds, and as a file of 8 bits."""
    z = generator.draw_z(1, seed=9)
    picture = generator(z)[0]
    noise = np.random.default_rng(0).uniform(-1e-4, 1e-4, picture.shape)
    return {
        "stored as float32": picture,
        "stored as float64": generator(z, precision="float64")[0],
        "stored as float16": picture.astype(np.float16),
        "stored as bfloat16": tf.cast(picture, tf.bfloat16),
        "within rounding to 8 bits": (picture + noise).clip(-1, 1).astype(np.float32),
        "rounded to 8 bits": save_image(tmp_path_factory.mktemp("png") / "x.png", images[0]),
    }


def test_floats_are_inverted_as_they_are_and_it_is_said_how_they_were_stored(
    generator, images, floats, tmp_path
):
    found = ganinv.invert(generator, [*floats.values()], starts=2, seed=0)
    assert found.verdict == ["made"] * len(floats)
    rows = found.run.tables["invert"]
    assert [row["chain"] or "rounded to 8 bits" for row in rows] == [*floats]
    found.save_report(tmp_path / "report")
    report = (tmp_path / "report" / "invert.txt").read_text(encoding="utf-8").split()
    assert all(name in found.table() for name in floats)
    assert all(name in " ".join(report) for name in [*floats][:-1])
    for row, sentence, name in zip(rows, found.explanation, floats, strict=True):
        assert name in sentence or name == "rounded to 8 bits"
        assert row["excess"] <= row["excess_limit"] and row["left"] <= 1
    *own, noisy, png = (row["excess"] for row in rows)
    assert max(own[:2]) < 1e-4 < own[2] < 0.02 < own[3] < png and 1e-3 < noisy < 0.01
    z_errors = np.abs(found.z - generator.draw_z(1, seed=9)).max(1)
    assert z_errors[:2].max() < 1e-4 < z_errors[-1] and z_errors[2] < z_errors[-1]
    given = [np.asarray(each).astype(np.float64) for each in [*floats.values()][:-1]]
    np.testing.assert_array_equal(found.targets[:-1], given)
    np.testing.assert_allclose(found.targets[-1], images[0] / 127.5 - 1, atol=1e-6)


def test_8_bits_as_floats_are_the_same_picture(generator, images):
    picture = images[0].astype(np.float32)
    given = [images[0], 2 * picture / 255 - 1, (2 * picture / 255 - 1).astype(np.float16)]
    found = ganinv.invert(generator, given, starts=2, seed=0)
    np.testing.assert_array_equal(found.targets, found.targets[:1].repeat(3, 0))
    np.testing.assert_allclose(found.z, found.z[:1].repeat(3, 0), atol=1e-6)
    assert found.verdict == ["made"] * 3 and len(set(found.explanation)) == 1
    assert "target_float" not in found.run.columns("images")
