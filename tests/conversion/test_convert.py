"""`ganinv convert` writes a generator with the same pictures, or nothing."""

import builders
import conditional
import numpy as np
import pytest
from called import run_ganinv

from ganinv_cli.conversion import write as write_module
from ganinv_cli.conversion.destination import parse_destination
from ganinv_cli.conversion.write import write_generator
from ganinv_cli.errors import GaninvError, UsageError
from ganinv_cli.formats import read
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.graph import chain
from ganinv_cli.network.layers import (
    Activation,
    Affine,
    BatchNorm,
    Conv,
    ConvTranspose,
    Dense,
    Layer,
    Reshape,
    same_conv_transpose,
)
from ganinv_cli.prior import Normal, Uniform

# Keras asks its variables for an array as NumPy 1 did
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

LATENT = 5
RELU, TANH = Activation("relu"), Activation("tanh")
SQUARE = ((1, 1), (1, 1))


def _array(*shape: int, scale: float = 0.3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng([seed, *shape]).normal(0, scale, shape).astype(np.float32)


def _norm(channels: int, epsilon: float = 1e-5) -> BatchNorm:
    spread = np.abs(_array(channels, seed=4)) + 0.5
    return BatchNorm(1 + _array(channels), _array(channels, seed=2), _array(channels, seed=3),
                     spread, epsilon)  # fmt: skip


def _checkpoint(*layers: Layer, prior=None, names=()) -> Checkpoint:
    return Checkpoint(chain(LATENT, layers, names), prior or Uniform(), "test", "", "here")


def _torch(end: tuple[Layer, ...] = (TANH,), slope: float | None = None) -> Checkpoint:
    """A DCGAN as in PyTorch: the input of the first transposed convolution is a single pixel."""
    between = RELU if slope is None else Activation("leaky_relu", slope)
    layers = (
        Reshape((1, 1, LATENT)),
        ConvTranspose(_array(4, 4, 6, LATENT), np.zeros(6, np.float32), (1, 1), ((0, 0), (0, 0))),
        _norm(6, 1e-3),
        between,
        ConvTranspose(_array(4, 4, 4, 6), np.zeros(4, np.float32), (2, 2), SQUARE),
        _norm(4, 1e-3),
        between,
        ConvTranspose(_array(4, 4, 3, 4), np.zeros(3, np.float32), (2, 2), SQUARE),
        *end,
    )
    names = ["", *(f"main.{number}" for number in range(len(layers) - 1))]
    return _checkpoint(*layers, prior=Normal(1, 0.99), names=names)


def _mapped() -> tuple[Layer, ...]:
    three = np.ones(3, np.float32)
    return Activation("sigmoid"), Affine(2 * three, -three)


def test_a_dcgan_in_another_layout_keeps_its_layers(tmp_path):
    builders.save_checkpoint(tmp_path / "a", builders.rename_arrays(builders.make_weights(), "A"))
    result = run_ganinv(tmp_path, "convert", "a", "c/")
    before, after = read(tmp_path / "a"), read(tmp_path / "c")
    assert (before.layout, after.layout) == ("A", "C")
    assert after.sha256 == before.sha256
    assert after.sha256 in result.stdout and "the same layers" in result.stdout
    names = {"DCGAN.model-0.index", "DCGAN.model-0.data-00000-of-00001", "checkpoint"}
    assert {file.name for file in (tmp_path / "c").iterdir()} == names
    assert [file.name for file in tmp_path.iterdir() if file.name.startswith(".")] == []


def test_a_pytorch_dcgan_becomes_one_and_its_prior_goes_with_it(tmp_path):
    written = write_generator(_torch(), parse_destination(tmp_path / "c", overwrite=False))
    assert written.difference < 1e-5
    found = read(tmp_path / "c")
    assert found.layout == "C"
    assert found.prior == Normal(1, 0.99)
    assert (tmp_path / "c" / "generator.toml").read_text() == 'prior = "normal:1,0.99"\n'


def test_a_sigmoid_is_half_a_tanh(tmp_path):
    written = write_generator(
        _torch(end=_mapped()), parse_destination(tmp_path / "c", overwrite=False)
    )
    assert written.difference < 1e-5
    assert read(tmp_path / "c").network.nodes[-1].layer == TANH


@pytest.mark.parametrize(
    ("kernel", "crop"),
    [(3, (1, 0)), (3, (0, 1)), (4, (2, 0)), (4, (0, 2)), (5, (2, 1)), (5, (1, 2)), (2, (0, 0)),
     (2, (1, -1)), (1, (0, -1)), (6, (2, 2)), (1, (-1, 0))],
)  # fmt: skip
def test_any_crop_that_doubles_a_side_fits_into_layout_c(tmp_path, kernel, crop):
    checkpoint = _checkpoint(
        Dense(_array(LATENT, 32), _array(32)),
        Reshape((4, 4, 2)),
        RELU,
        ConvTranspose(_array(kernel, kernel, 3, 2), _array(3), (2, 2), (crop, crop)),
        TANH,
    )
    assert (
        write_generator(checkpoint, parse_destination(tmp_path / "c", overwrite=False)).difference
        < 1e-5
    )


@pytest.mark.parametrize(
    ("checkpoint", "layer", "wanted"),
    [
        (_torch(slope=0.2), "main.2 (leaky_relu 0.2) does not fit", "only relu between"),
        (_torch(end=(Activation("softsign"),)), "main.7 (softsign) does not fit", "only relu"),
        (
            _torch(end=(TANH, Conv(_array(1, 1, 3, 3), _array(3)), TANH)),
            "main.7 (tanh) does not fit",
            "only relu",
        ),
        (
            _checkpoint(
                Dense(_array(LATENT, 32), _array(32)),
                Reshape((4, 4, 2)),
                RELU,
                same_conv_transpose(_array(5, 5, 3, 2), _array(3), 1),
                TANH,
                names=["", "", "", "steps"],
            ),
            "steps (ConvTranspose 5 x 5, stride 1x1) does not fit",
            "only strides of 2",
        ),
        (
            _checkpoint(Dense(_array(LATENT, 48), _array(48)), Reshape((4, 4, 3)), TANH),
            "layer 3 (tanh) does not fit",
            "has a transposed convolution of stride 2",
        ),
        (conditional.make_conditional_checkpoint(), "needs a label", "give one label with --label"),
    ],
    ids=["leaky", "softsign", "conv", "stride", "dense", "label"],
)
def test_what_layout_c_cannot_hold_is_refused_by_the_layers_name(
    tmp_path, checkpoint, layer, wanted
):
    with pytest.raises(UsageError) as caught:
        write_generator(checkpoint, parse_destination(tmp_path / "c", overwrite=False))
    said = str(caught.value)
    assert layer in said and wanted in said
    assert "a TensorFlow 1 checkpoint with the names of carpedm20's DCGAN" in said
    assert "(dense, then 'relu, transposed convolution of stride 2' to a tanh)" in said
    assert said.endswith("convert to .keras")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("to", ["c", "c.keras"])
def test_what_makes_other_pictures_leaves_nothing_behind(tmp_path, monkeypatch, to):
    monkeypatch.setattr(write_module, "LIMIT", -1.0)
    with pytest.raises(GaninvError, match="it was removed") as caught:
        write_generator(_torch(), parse_destination(tmp_path / to, overwrite=False))
    assert caught.value.exit_code == 1
    assert list(tmp_path.iterdir()) == []


def test_what_exists_is_kept_until_it_may_be_replaced(tmp_path):
    builders.make_checkpoint(tmp_path / "first")
    builders.make_checkpoint(tmp_path / "second", seed=1)
    run_ganinv(tmp_path, "convert", "first", "g.keras", "-q", "--prior", "normal")
    run_ganinv(tmp_path, "convert", "first", "folder", "-q")
    for to in ("g.keras", "folder"):
        before = read(tmp_path / to).sha256
        result = run_ganinv(tmp_path, "convert", "second", to, "--prior", "normal", code=2)
        assert "--overwrite" in result.stderr
        assert read(tmp_path / to).sha256 == before
    (tmp_path / "folder" / "notes").write_text("mine")
    run_ganinv(tmp_path, "convert", "second", "folder", "--overwrite")
    assert read(tmp_path / "folder").sha256 == read(tmp_path / "second").sha256
    assert (tmp_path / "folder" / "notes").read_text() == "mine"


def test_a_prefix_in_a_folder_leaves_the_checkpoints_beside_it(tmp_path):
    checkpoint = builders.make_checkpoint(tmp_path / "run", seed=1)
    builders.make_checkpoint(tmp_path / "new")
    run_ganinv(tmp_path, "convert", "new", "run/DCGAN.model-9")
    assert read(tmp_path / "run").sha256 == checkpoint.sha256  # what the folder means is as before
    assert read(tmp_path / "run" / "DCGAN.model-9").sha256 == read(tmp_path / "new").sha256


def test_one_label_of_a_conditional_generator_is_a_generator(tmp_path):
    write_generator(
        conditional.make_conditional_checkpoint(),
        parse_destination(tmp_path / "all.keras", overwrite=False),
    )
    run_ganinv(tmp_path, "convert", "all.keras", "one.keras", "--label", 2)
    assert read(tmp_path / "one.keras").network.labels == 0


@pytest.mark.parametrize(
    ("to", "words"),
    [
        ("g.h5", "does not write .h5 files"),
        ("g.PT", "does not write .pt files"),
        ("missing/g.keras", "does not exist"),
        ("missing/g/", "does not exist"),
        ("g[1]", "in its path"),
        ("file", "is a file"),
    ],
)
def test_a_destination_that_cannot_be_is_one_sentence(tmp_path, to, words):
    (tmp_path / "file").write_text("mine")
    result = run_ganinv(tmp_path, "convert", "nothing", to, code=2)
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1
    assert words in result.stderr
