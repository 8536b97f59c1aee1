"""Generators in a program: from a name, a Keras model or a function; arrays in, arrays out."""

import builders
import keras
import numpy as np
import pytest
from conditional import make_conditional_definition

import ganinv_cli as ganinv
from ganinv_cli.loaded_generator import LoadedGenerator

LATENT = 6


def _make_model(*layers):
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((LATENT,)),
            keras.layers.Dense(4 * 4 * 8, activation="relu"),
            keras.layers.Reshape((4, 4, 8)),
            *layers,
            keras.layers.Conv2DTranspose(3, 4, 2, "same", activation="tanh"),
        ],
        name="mine",
    )


@keras.saving.register_keras_serializable("tests")
class _Doubled(keras.layers.Layer):  # type: ignore[misc]
    """A layer that no reader knows."""

    def call(self, inputs):
        return 2 * inputs


def test_a_misspelt_function_is_no_attribute():
    with pytest.raises(AttributeError, match="has no attribute 'solve'"):
        ganinv.solve  # noqa: B018


def test_a_file_makes_images_of_arrays(tmp_path):
    definition = builders.make_definition(tmp_path)
    generator = ganinv.load(tmp_path, prior="uniform:-1,1")
    z = generator.draw_z(3, seed=5)
    assert z.shape == (3, generator.latent_size) == (3, definition.network.latent)
    assert (np.abs(z) <= 1).all()
    images = generator(z.tolist())
    assert images.shape == (3, *generator.image_shape) and images.dtype == np.float32
    assert np.abs(images).max() <= 1
    np.testing.assert_array_equal(generator(z[1:2])[0], images[1])
    exact = generator(z, precision="float64")
    assert exact.dtype == np.float64 and 0 < np.abs(exact - images).max() < 1e-5
    with pytest.raises(ganinv.UsageError, match="precision = 'half'; give 'float32' or 'float64'"):
        generator(z, precision="half")
    np.testing.assert_array_equal(generator.draw_z(2, seed=5), z[:2])
    assert generator.prior == "uniform:-1,1" and str(tmp_path) in repr(generator)
    assert repr(generator).endswith("; TensorFlow V2, as layers>")
    for wrong in (np.zeros(3), np.zeros((2, 3)), np.zeros((1, 2, 3))):
        with pytest.raises(ganinv.UsageError, match=r"z has the shape .* takes \(n, \d+\)"):
            generator(wrong)
    for wrong in (np.nan, np.inf, 1e300):
        with pytest.raises(ganinv.UsageError, match=r"z\[1\] has a component that is not a finite"):
            generator([[0.0] * 6, [wrong] * 6])


def test_a_conditional_generator_needs_labels():
    generator = LoadedGenerator("digits", make_conditional_definition())
    z = generator.draw_z(2)
    with pytest.raises(ganinv.UsageError, match="needs a label from 0 to 2 for each z"):
        generator(z)
    for wrong in ([0, 3], 1.5, [np.nan, 0], [0, 1, 2], "1"):
        with pytest.raises(ganinv.UsageError, match="are from 0 to 2"):
            generator(z, wrong)
    np.testing.assert_array_equal(generator(z, 1), generator(z, [1, 1]))
    fixed = LoadedGenerator("digits", generator.definition, label=1)
    np.testing.assert_allclose(fixed(z), generator(z, 1), atol=1e-6)
    with pytest.raises(ganinv.UsageError, match="takes no labels"):
        fixed(z, 1)


@pytest.mark.parametrize("own_layers", [(), (_Doubled(),)])
def test_a_keras_model_is_a_generator(own_layers):
    model = _make_model(*own_layers)
    generator = ganinv.load(model, prior="uniform")
    z = generator.draw_z(2)
    np.testing.assert_allclose(generator(z), model(z), atol=1e-6)
    assert generator.name == "the Keras model mine"


def test_a_models_layers_keep_their_precision():
    model = _make_model(keras.layers.Conv2D(8, 3, padding="same", dtype="mixed_bfloat16"))
    before = [layer.dtype_policy.name for layer in model.layers]
    ganinv.load(model)
    assert [layer.dtype_policy.name for layer in model.layers] == before
    assert "mixed_bfloat16" in before


def test_a_function_is_a_generator_and_not_its_later_changes():
    model = _make_model()
    generator = ganinv.load(lambda z: model(z), latent=LATENT, prior="uniform", range="tanh")
    z = generator.draw_z(2)
    before = generator(z)
    np.testing.assert_allclose(before, model(z), atol=1e-6)
    assert not generator.assumptions
    assert generator.route == "Python, as TensorFlow operations"
    model.set_weights([0 * weights for weights in model.get_weights()])
    np.testing.assert_array_equal(generator(z), before)


def test_what_is_no_generator_is_refused():
    for source, arguments, words in (
        (3, {}, "a int is not a generator"),
        (abs, {}, "size or the shape of z, e.g. load"),
        (abs, {"latent": 4}, "the function abs makes"),
        (abs, {"latent": 4, "priors": "normal"}, 'did you mean prior = "normal"'),
        ("faces16", {"strides": "2"}, "strides"),
        ("faces16", {"label": 3}, "label = 3: faces16 has no labels"),
        ("faces16", {"latent": 3}, "takes z of 100 components; leave it out"),
        ("faces16", {"label": 1.5}, "label = 1.5 should be a whole number"),
        (_make_model(), {"labels": 3}, "leave out labels: a Keras model"),
        (abs, {"latent": 4, "norm": ("after",)}, "leave out norm: a function"),
    ):
        with pytest.raises(ganinv.UsageError, match=words):
            ganinv.load(source, **arguments)
