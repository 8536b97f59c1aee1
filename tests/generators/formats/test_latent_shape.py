"""A generator's z may have a shape, and free sizes of it are given."""

import json
from pathlib import Path

import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from click.testing import CliRunner
from exported.decoders import SHAPE, write_decoder
from exported.onnx_models import to_channels_last

import ganinv_cli as ganinv
from ganinv_cli.cli import main

ONNX = Path(__file__).parents[2] / "data" / "onnx"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("decoders")


@pytest.fixture(scope="module")
def free(folder):
    return write_decoder(folder / "free.onnx", ("height", "width"))


@pytest.fixture(scope="module")
def fixed(folder):
    return write_decoder(folder / "fixed.onnx", SHAPE[1:])


def run(*arguments):
    return CliRunner().invoke(main, [str(each) for each in arguments])


def test_z_has_the_shape_that_an_onnx_file_takes(free, fixed):
    generator = ganinv.load(fixed)
    z = generator.draw_z(3)
    assert z.shape == (3, *SHAPE) and generator.latent_shape == SHAPE
    expected = onnxruntime.InferenceSession(fixed).run(None, {"z": z})[0]
    assert generator(z) == pytest.approx(to_channels_last(expected), abs=1e-5)
    assert generator(z.reshape(3, -1)) == pytest.approx(generator(z), abs=0)
    assert ganinv.load(free, latent=SHAPE).sha256 == generator.sha256
    assert ganinv.load(free, latent=(4, 3, 2)).image_shape == (12, 8, 3)


def test_free_sizes_of_z_are_asked_for(free, fixed):
    asked = run("inspect", free)
    assert asked.exit_code == 2 and "--latent 4,4,4" in asked.output
    shown = run("inspect", free, "--latent", "4,2,3", "--format", "json")
    assert json.loads(shown.stdout)["latent_shape"] == [4, 2, 3]
    for path, latent, words in ((free, "3,2,2", "contradicts"), (fixed, "4,x", "nor a tensor")):
        refused = run("inspect", path, "--latent", latent)
        assert refused.exit_code == 2 and words in refused.output


def test_a_picture_is_inverted_to_a_z_of_the_generators_shape(fixed, folder):
    generator = ganinv.load(fixed)
    z = generator.draw_z(1)
    found = ganinv.invert(generator, generator(z), starts=2)
    assert found.z.shape == found.z_deviation.shape == (1, *SHAPE)
    assert found.verdict == ["made"] and found.z == pytest.approx(z, abs=0.05)
    np.save(folder / "z.npy", z)
    sheet = ("--z", folder / "z.npy", "--out", folder / "z.png", "--npz", folder / "z.npz")
    assert run("sample", fixed, *sheet).exit_code == 0
    with np.load(folder / "z.npz") as stored:
        assert stored["z"] == pytest.approx(z, abs=0)


def test_models_and_functions_take_z_of_a_shape():
    inputs = keras.Input((None, None, 4))
    model = keras.Model(inputs, keras.layers.Conv2DTranspose(3, 4, 4)(inputs))
    generator = ganinv.load(model, latent=(2, 2, 4))
    z = generator.draw_z(2)
    assert z.shape == (2, 2, 2, 4) and generator(z) == pytest.approx(model(z).numpy(), abs=1e-5)
    other = ganinv.load(lambda x: tf.repeat(x, 4, 1)[..., :3], latent=(1, 4, 4))
    assert other.latent_shape == (1, 4, 4)


def test_an_intermediate_tensor_is_recovered_in_place_of_z():
    style = ONNX / "style-script-one-13.onnx"
    w = "mapping/mapping.2/Gemm/add"
    assert w in run("inspect", style, "-v").output
    by_z, by_w = ganinv.load(style), ganinv.load(style, latent=w)
    found = ganinv.recover(by_w, trials=5, solver="lbfgs", clip=["none"])
    assert (found.columns("none")["z_error"] < 1e-4).all() and by_w.latent_shape == (8,)
    own = ganinv.invert(by_w, by_z(by_z.draw_z(4)))
    assert own.verdict == ["made"] * 4
