"""A trusted Keras file with its own code makes the same pictures as in Keras."""

import zipfile
from pathlib import Path
from unittest import mock

import keras
import keras_models as km
import numpy as np
import pytest
import tensorflow as tf
from called import run_ganinv
from keras import layers as kl
from keras.src.saving import object_registration
from saved_models import LATENT, Z

from ganinv_cli import formats
from ganinv_cli.errors import CheckpointError
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.formats.keras import trace
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.settings.conventions import Conventions
from ganinv_cli.store import read_results

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file"),
]


def _with_code() -> keras.Model:
    function = "lambda x: __import__('tensorflow').reshape(x, (-1, 4, 4, 3)) * 2 + 1"
    chain = [keras.Input((LATENT,)), kl.Dense(48), kl.Lambda(eval(function))]
    last = kl.Conv2DTranspose(3, 4, 2, padding="same", activation="tanh")
    return km.randomize_weights(keras.Sequential([*chain, last]))


@pytest.mark.parametrize("name", ["g.keras", "g.h5"])
def test_a_lambda_layer_makes_kerass_own_pictures(name: str, tmp_path: Path) -> None:
    model = _with_code()
    path = km.save_model(tmp_path, model, name)
    checkpoint = formats.read(path, Conventions(trust=True))
    made = make_generator(checkpoint)(tf.constant(Z)).numpy()
    np.testing.assert_allclose(made, km.render_images(model, Z), atol=1e-5, rtol=0)
    assert (checkpoint.format, checkpoint.layout) == ("Keras", "traced")


def test_without_trust_nothing_of_it_is_run(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    path = km.save_model(tmp_path, _touching(marker))
    marker.unlink()
    with pytest.raises(CheckpointError, match="trust"):
        formats.read(path)
    assert not marker.exists()


def _touching(marker: Path) -> keras.Model:
    code = f"lambda x: (open({str(marker)!r}, 'w').close(), x)[1]"
    chain = [keras.Input((LATENT,)), kl.Lambda(eval(code)), kl.Dense(48), kl.Reshape((4, 4, 3))]
    return keras.Sequential(chain)


def test_code_that_computes_what_is_not_a_layer_loads(tmp_path: Path) -> None:
    code = "lambda x: __import__('tensorflow').math.cumsum(x, 1)"
    chain = [keras.Input((LATENT,)), kl.Lambda(eval(code)), kl.Dense(48), kl.Reshape((4, 4, 3))]
    path = km.save_model(tmp_path, keras.Sequential(chain))
    assert trace.read(path).network.operations["Cumsum"] == 1


def test_code_that_needs_what_the_file_does_not_hold(tmp_path: Path) -> None:
    chain = [keras.Input((LATENT,)), kl.Lambda(lambda x: tf.nn.relu(x)), kl.Dense(48)]
    path = km.save_model(tmp_path, keras.Sequential([*chain, kl.Reshape((4, 4, 3))]))
    with pytest.raises(UnreadableError, match=r"NameError: .*'tf'.*export"):
        trace.read(path)


def test_what_keras_cannot_load(tmp_path: Path) -> None:
    path = km.save_model(tmp_path, _with_code())
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(
                name, content.replace(b"'Lambda'", b"''").replace(b'"Lambda"', b'"No"')
            )
    with pytest.raises(UnreadableError, match=r"cannot be loaded by Keras \(.*model\.export"):
        trace.read(path)


def test_weights_with_a_config_beside_them(tmp_path: Path) -> None:
    model = _with_code()
    (tmp_path / "g.json").write_text(model.to_json())
    path = km.save_model(tmp_path, model, "g.weights.h5")
    made = make_generator(formats.read(path, Conventions(trust=True)))(tf.constant(Z)).numpy()
    np.testing.assert_allclose(made, km.render_images(model, Z), atol=1e-5, rtol=0)


def test_labels_and_inputs_by_name_are_those_of_the_model(tmp_path: Path) -> None:
    z, label = keras.Input((LATENT,), name="z"), keras.Input((1,), dtype="int32", name="label")
    beside = kl.Flatten()(kl.Embedding(5, 3)(label))
    x = kl.Reshape((4, 4, 3))(kl.Dense(48)(kl.Concatenate()([z, beside])))
    model = km.randomize_weights(keras.Model({"z": z, "label": label}, kl.Activation("tanh")(x)))
    path = km.save_model(tmp_path, model)
    network = trace.read(path).network
    assert network.labels == 5 and network.latent == LATENT


def _attending() -> keras.Model:
    z = keras.Input((LATENT,), name="z")
    x = kl.Reshape((16, 8))(kl.Dense(128)(z))
    x = kl.Conv1D(8, 3, padding="same")(kl.UnitNormalization()(kl.Dropout(0.3)(x)))
    x = kl.LayerNormalization()(x + kl.MultiHeadAttention(2, 4)(x, x))
    x = kl.EinsumDense("abc,cd->abd", (16, 8), bias_axes="d", activation="gelu")(x)
    x = kl.GroupNormalization(2)(kl.Reshape((4, 4, 8))(x))
    x = kl.LayerNormalization(axis=(1, 2))(kl.GaussianNoise(0.1)(x))
    x = kl.UpSampling2D(2, interpolation="bicubic")(keras.ops.cumsum(x, -1) / 4)
    return keras.Model(z, kl.Conv2D(3, 3, padding="same", activation="tanh")(x))


def test_layers_that_are_not_known_make_kerass_own_pictures(tmp_path: Path) -> None:
    keras.utils.clear_session()
    model = km.randomize_weights(_attending())
    path = km.save_model(tmp_path, model)
    with pytest.raises(CheckpointError, match="ganinv does not know; --trust"):
        formats.read(path)
    pictures = make_generator(formats.read(path, Conventions(trust=True)))(tf.constant(Z))
    np.testing.assert_allclose(pictures, km.render_images(model, Z), atol=1e-5, rtol=0)


@pytest.mark.slow
def test_a_traced_model_is_recovered(tmp_path: Path) -> None:
    km.save_model(tmp_path, km.randomize_weights(_attending()), "g.keras")
    command = ("recover", "--checkpoint", "g.keras", "--trust", "--trials", 4, "--quiet")
    run_ganinv(tmp_path, *command, "--clip", "stochastic")
    errors = read_results(tmp_path / "recover.h5").groups["stochastic"]["z_error"]
    assert len(errors) == 4 and (errors < 1e-4).all()


@keras.saving.register_keras_serializable("tests")
class _Doubling(kl.Layer):
    def call(self, x: tf.Tensor) -> tf.Tensor:
        return 2.0 * x


def test_a_class_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    chain = [keras.Input((LATENT,)), _Doubling(), kl.Dense(48), kl.Reshape((4, 4, 3))]
    path = km.save_model(tmp_path, keras.Sequential(chain))
    assert trace.read(path).network.latent == LATENT  # it is there
    with (
        mock.patch.dict(keras.saving.get_custom_objects(), clear=True),
        mock.patch.object(object_registration, "GLOBAL_CUSTOM_OBJECTS", {}),
        pytest.raises(UnreadableError, match=r"'_Doubling'.*model\.export.*a \.py file that makes"),
    ):
        trace.read(path)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16", "float64"])
def test_other_precisions_make_pictures_in_float32(policy: str, tmp_path: Path) -> None:
    chain = [kl.Dense(48, dtype=policy), kl.Reshape((4, 4, 3)), kl.Activation("tanh", dtype=policy)]
    model = km.randomize_weights(keras.Sequential([keras.Input((LATENT,)), *chain]))
    checkpoint = formats.complete_generator(
        trace.read(km.save_model(tmp_path, model)), Conventions()
    )
    matrix, bias = (np.asarray(each, np.float32) for each in model.get_weights())
    expected = np.tanh((Z @ matrix + bias).reshape(-1, 4, 4, 3))
    pictures = make_generator(checkpoint)(tf.constant(Z))
    atol = 5e-3 if policy == "float16" else 1e-5
    np.testing.assert_allclose(pictures, expected, atol=atol, rtol=0)


def test_mixed_precision_is_checked_in_float32(tmp_path: Path) -> None:
    chain = [kl.Dense(48, dtype="mixed_float16"), kl.Lambda(lambda x: x), kl.Reshape((4, 4, 3))]
    model = km.randomize_weights(keras.Sequential([keras.Input((LATENT,)), *chain]))
    path = km.save_model(tmp_path, model)
    said = run_ganinv(tmp_path, "inspect", path, "--trust", "--check").output
    assert "ok pictures are equal to those of the program in the file" in said


IMPURE = {
    "tf.reshape(tf.py_function(lambda a: a, [x], 'float32'), (-1, 6))": r"EagerPyFunc\) calls Pyt",
    "x + tf.random.normal((6,), seed=1)": r"RandomStandardNormal\) draws random numbers",
    "tf.reshape(tf.strings.to_number(tf.strings.as_string(x)), (-1, 6))": r"AsString|StringToNum",
    "tf.constant(tf.io.read_file('/dev/null') == '', 'float32') * x": "cannot be traced",
}


@pytest.mark.parametrize("code", IMPURE)
def test_what_does_more_than_compute_is_named(code: str, tmp_path: Path) -> None:
    function = eval(f"lambda x: [({code}) for tf in [__import__('tensorflow')]][0]")
    chain = [keras.Input((LATENT,)), kl.Lambda(function, output_shape=(LATENT,))]
    model = keras.Sequential([*chain, kl.Dense(48), kl.Reshape((4, 4, 3))])
    with pytest.raises(UnreadableError, match=IMPURE[code]):
        trace.read(km.save_model(tmp_path, model))


def test_prints_are_left_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    function = "lambda x: [tf.print('text'), x][1]".replace("tf.", "__import__('tensorflow').")
    chain = [keras.Input((LATENT,)), kl.Lambda(eval(function)), kl.Dense(48)]
    path = km.save_model(tmp_path, keras.Sequential([*chain, kl.Reshape((4, 4, 3))]))
    capfd.readouterr()
    make_generator(formats.read(path, Conventions(trust=True)))(tf.constant(Z))
    assert capfd.readouterr() == ("", "")


def test_too_many_weights_are_refused(tmp_path: Path) -> None:
    path = km.save_model(tmp_path, _with_code())
    with (
        mock.patch.object(trace, "MAX_WEIGHTS", 10),
        pytest.raises(UnreadableError, match=r"holds 4.. weights, but at most 10 were expected"),
    ):
        trace.read(path)


def test_a_label_of_one_float_is_a_number(tmp_path: Path) -> None:
    z, label = keras.Input((LATENT,), name="z"), keras.Input((1,), name="label")
    x = kl.Concatenate()([z, kl.Flatten()(kl.Embedding(5, 3)(label))])
    model = keras.Model([z, label], kl.Reshape((4, 4, 3))(kl.Dense(48)(x)))
    assert trace.read(km.save_model(tmp_path, model)).network.labels == 5


def test_two_pictures_are_refused(tmp_path: Path) -> None:
    z = keras.Input((LATENT,))
    x = kl.Reshape((4, 4, 3))(kl.Dense(48)(z))
    path = km.save_model(tmp_path, keras.Model(z, [x, kl.ReLU()(x)]))
    with pytest.raises(UnreadableError, match="2 outputs"):
        trace.read(path)
