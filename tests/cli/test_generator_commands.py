"""`ganinv inspect`, `train` and `train-encoder` on the command line, and mistakes of others."""

import json
from unittest import mock

import builders
import conditional
import numpy as np
import pytest
import tensorflow as tf
import torch_files
from called import run_ganinv
from keras_networks import save_network
from torch_generators import make_dcgan

from ganinv_cli.encoder.model import Encoder
from ganinv_cli.errors import ConfigError
from ganinv_cli.generators.formats import read
from ganinv_cli.generators.network.graph import weight_arrays
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.inspection import spectrum
from ganinv_cli.results.store import read_results
from ganinv_cli.settings.shipped import find, list_shipped
from ganinv_cli.training import train_generator

SAMPLE = ("sample", "small", "--out")
TRAIN = ("train", "pictures", "--size", 16, "--batch-size", 2, "--out", "out")
FUNCTION = """
import tensorflow as tf

LATENT, PRIOR = 6, "uniform"


def generate(z):
    return tf.sigmoid(tf.reshape(z @ tf.ones((6, 768)), (-1, 16, 16, 3)))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with checkpoints, Keras files, a generator's function and pictures."""
    folder = tmp_path_factory.mktemp("inspected")
    small = builders.make_definition(folder / "small")
    labelled = conditional.make_conditional_definition()
    for definition, name in ((small, "small.keras"), (labelled, "conditional.keras")):
        save_network(definition, folder / name)
    arrays = builders.make_weights()
    dead = {name: 0 * array for name, array in arrays.items() if name.endswith(("w", "Matrix"))}
    builders.save_checkpoint(folder / "dead", builders.rename_arrays(arrays | dead, "C"))
    (folder / "g.py").write_text(FUNCTION, encoding="utf-8")
    builders.save_images(folder / "pictures", 4)
    for name, z in {"good": np.zeros((2, 6)), "five": np.zeros((2, 5))}.items():
        np.save(folder / f"{name}.npy", z)
    np.savez(folder / "other.npz", x=np.zeros(2))
    return folder


def inspect(folder, *arguments, code=0):
    return json.loads(
        run_ganinv(folder, "inspect", *arguments, "--format", "json", code=code).stdout
    )


def test_inspect_describes_a_checkpoint_as_json_and_as_text(folder):
    facts = inspect(folder, "small")
    nodes = builders.read(folder / "small").network.nodes
    assert facts["sha256"] == builders.read(folder / "small").sha256
    assert (facts["latent"], facts["labels"]) == (6, 0)
    assert facts["image"] == {"height": 16, "width": 16, "channels": 3}
    assert facts["prior"] == {"name": "uniform:-1,1", "low": -1, "high": 1}
    sizes = [sum(array.size for array in weight_arrays(node.layer)) for node in nodes]
    assert [layer["parameters"] for layer in facts["layers"]] == sizes
    text = run_ganinv(folder, "inspect", "small", "-v").stdout
    for words in ("TensorFlow V2, layout C", "6 components", "16 x 16 pixels, ", "8 x 8 x 4"):
        assert words in text
    conditional_text = run_ganinv(folder, "inspect", "conditional.keras", "-v").stdout
    assert "1 OneHot" in conditional_text


@pytest.mark.parametrize("name", list_shipped("checkpoint"))
def test_nothing_is_to_set_of_a_shipped_generator_and_its_description_fits_a_screen(folder, name):
    result = run_ganinv(folder, "inspect", name)
    lines = result.stdout.splitlines()
    assert lines[0].startswith("verdict        Read completely; nothing to set. ")
    assert "assumed" not in result.stdout and "--activation" not in result.stdout
    assert f"ganinv sample {name} --out sheet.png shows its pictures" in result.stdout
    assert len(lines) <= 30 and max(map(len, lines)) <= 80
    assert inspect(folder, name)["shipped"] is True


def test_v_lists_the_layers_and_another_prior_is_not_the_shipped_generator(folder):
    facts = inspect(folder, "faces16")
    text = run_ganinv(folder, "inspect", "faces16", "-v").stdout
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    names = {row["name"] for row in facts["conventions"]}
    layers = [row["layer"] for row in facts["conventions"] if row["name"] == "activation"]
    assert layers == ["generator/g_h0_lin", "generator/g_h1"]
    starts = [line[:15].strip() for line in lines]
    assert all(starts.count(name) == 1 for name in names)
    assert "relu in 2 layers, as trained" in text and facts["sha256"] in text
    assert "Names of layers begin with generator/" in text
    assert inspect(folder, "faces16", "--prior", "normal")["shipped"] is False


def test_inspect_says_first_what_only_the_users_program_can_tell(folder):
    """Of a generator like faces16, that did not ship: another bias of the last layer."""
    reader = tf.train.load_checkpoint(str(next(find("checkpoint", "faces16").glob("*.index")))[:-6])
    arrays = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    arrays["generator/g_h2/biases"] = arrays["generator/g_h2/biases"] + np.float32(0.1)
    builders.save_checkpoint(folder / "own", arrays)
    lines = run_ganinv(folder, "inspect", "own").stdout.splitlines()
    assert len(lines) <= 30
    assert lines[:5] == [
        "verdict        Only your program can tell: activation, strides (not tested),",
        "               epsilon (several values fit). The rest is confirmed by its batch",
        "               norms, from z to generator/g_bn1.",
        "next step      ganinv sample own --out sheet.png shows its pictures; to set them",
        "               as in your program, give --activation --strides --epsilon",
    ]
    long = "a-rather-long-name-that-nobody-has-shortened"
    (folder / "own").rename(folder / long)
    lines = run_ganinv(folder, "inspect", long).stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert f"               ganinv sample {long} \\" in lines


def test_a_sequence_without_norms_is_a_guess(folder):
    state = {name: each for name, each in make_dcgan().state.items() if each.ndim == 4}
    torch_files.save_archive(folder / "netG.pth", state)
    result = run_ganinv(folder, "inspect", "netG.pth", "--check", code=1)
    text = " ".join(result.stdout.split())
    assert text.startswith("verdict A guess: it has no batch norms that could confirm what is")
    assert "export it to ONNX" in text
    assert "a guess, as it has no batch norms" in result.stderr
    facts = inspect(folder, "netG.pth", "--labels", 2)
    keys = ("latent", "labels", "confirmed", "notes")
    assert [facts[key] for key in keys] == [3, 2, None, []]


def test_a_sequence_that_may_have_branches_is_a_guess_though_all_is_given(folder):
    shapes = {"start": (128, 5), "block.conv1": (8, 8, 3, 3), "block.conv2": (8, 8, 3, 3)}
    shapes |= {"up": (8, 3, 4, 4)}
    state = {f"{name}.weight": np.ones(shape, np.float32) for name, shape in shapes.items()}
    torch_files.save_archive(folder / "residual.pth", state)
    given = ("--strides", "1,1,2", "--padding", "1,1,1", "--activation", "relu", "--range", "tanh")
    result = run_ganinv(folder, "inspect", "residual.pth", *given, "--check", code=1)
    text = " ".join(result.stdout.split())
    assert text.startswith("verdict A guess: it ") and "its layers follow one another" in text
    assert "FAILED the statistics stored in the batch norms fit" in text


def test_inspect_counts_the_operations_of_a_function(folder):
    facts = inspect(folder, "g.py", "--trust", "--check")
    assert facts["layers"] == [] and facts["operations"]["MatMul"] == 1
    ends = {"black": 0, "white": 1, "seen": None}
    assert facts["range"] == {**ends, "function": "sigmoid", "mapped": True}
    assert [each["passed"] for each in facts["checks"]] == [None, True]
    assert "--trust runs it" in run_ganinv(folder, "inspect", "g.py", code=2).stderr


def test_inspect_measures_the_spectrum(folder):
    facts = inspect(folder, "conditional.keras", "--spectrum", "--label", 1)["spectrum"]
    generator = make_generator(builders.read(folder / "conditional.keras"), label=1)
    values = spectrum.measure_singular_values(generator).values
    np.testing.assert_allclose(facts["singular_values"], values, rtol=1e-12)


def test_checks_pass_or_are_named_and_end_in_1(folder):
    passed = [each["passed"] for each in inspect(folder, "conditional.keras", "--check")["checks"]]
    assert passed == [None, True]
    result = run_ganinv(folder, "inspect", "dead", "--check", code=1)
    claim = "pictures are finite and depend on every component of z"
    text = " ".join(result.stdout.split())
    assert f"FAILED {claim}: 6 of 6 components change nothing" in text
    assert "the check failed that the statistics" in result.stderr
    assert f"; and that {claim} (6 of 6 components" in result.stderr
    refused = run_ganinv(folder, "recover", "--checkpoint", "dead", "--trials", 1, code=2)
    assert "images do not depend on z, or are not finite" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("inspect", "small", "--label", "0"), "no labels"),
        ((*TRAIN, "--size", "48"), "use 16, 32, 64, 128 or 256"),
        ((*TRAIN, "--average", "nan"), "average nan is not a decay"),
        ((*TRAIN, "--crop-center", "1"), "--crop-center takes two numbers"),
        ((*TRAIN[:-1], "g.py"), "g.py is a file; name a folder with --out"),
        ((*TRAIN[:-1], "faces[1]"), "has one of"),
        ((*SAMPLE, "a.jpg"), "must end in .png"),
        ((*SAMPLE, "a.png", "--count", str(10**9)), "a sheet of 1,000,000,000 pictures"),
        ((*SAMPLE, "a.png", "--group", "none"), "--group names a group in a results file"),
        ((*SAMPLE, "a.png", "--z", "good.npy", "--count", "9"), "holds 2 z"),
        ((*SAMPLE, "a.png", "--z", "five.npy"), "(n, 6)"),
        ((*SAMPLE, "a.png", "--z", "other.npz"), "no array z"),
        (("train-encoder", "--checkpoint", "conditional.keras"), "add it, e.g. --label 0"),
    ],
    ids=lambda value: " ".join(map(str, value)) if isinstance(value, tuple) else "",
)
def test_a_mistake_is_one_sentence(folder, arguments, words):
    result = run_ganinv(folder, *arguments, code=2)
    assert words in result.stderr.splitlines()[-1] and result.stdout == ""
    assert not (folder / "out").exists() and not (folder / "a.png").exists()


def test_an_encoder_is_written_beside_the_checkpoint_and_its_error_printed(folder):
    given = ("train-encoder", "--checkpoint", "small", "--images", 2000)
    first = run_ganinv(folder, *given)
    encoder = Encoder.load(folder / "small" / "encoder.npz", make_generator(read(folder / "small")))
    error = encoder.about["quality"]["error"]
    assert f"squared error of a component of z {error:.4f} on fresh images" in first.stdout
    assert "guessing gives 0.3333" in first.stdout and "2,000/2,000 images" in first.stderr
    refused = run_ganinv(folder, *given, "--seed", 1, code=2)
    assert "encoder.npz exists; name another file, or give --overwrite" in refused.stderr
    again = run_ganinv(folder, *given, "--overwrite", "--quiet")
    assert (again.stdout, again.stderr) == (first.stdout, "")
    run_ganinv(folder, "train-encoder", "--checkpoint", "small", "--out", "mine.npz")
    assert Encoder.load(folder / "mine.npz").about["run"]["images"] == 10 * (16 * 16 * 3 + 1)
    few = ("--trials", 4, "--clip", "none", "--batch-size", 4)
    run_ganinv(folder, "recover", "--checkpoint", "small", "--start", "encoder", *few)
    groups = read_results(folder / "recover.h5").groups
    assert np.mean((groups["none"]["z_start"] - groups[""]["z_true"]) ** 2) < error
    assert (groups["none"]["first/gradients"] % 1 == 0.5).all()  # 17 forward passes more


@pytest.mark.slow
def test_width_and_excluded_images_decide_what_is_trained(folder):
    (folder / "names.txt").write_text("2.png\n\n", encoding="utf-8")
    options = ("--width", 3, "--exclude", "names.txt", "--steps", 1, "--out", "trained")
    result = run_ganinv(folder, *TRAIN[:-2], *options)
    assert "3 images of 16x16 pixels" in result.stderr and result.stdout == "trained\n"
    index = next((folder / "trained").glob("*.index"))
    weights = tf.train.load_checkpoint(str(index.with_suffix("")))
    assert weights.get_tensor("generator/g_h2/w").shape == (5, 5, 3, 3)
    assert "is trained for 1 steps already" in run_ganinv(folder, *TRAIN[:-2], *options).stderr


def test_an_error_of_the_system_is_a_sentence_and_with_v_a_traceback_too(tmp_path):
    function = "ganinv_cli.loaded_generator.read_generator"
    with mock.patch(function, side_effect=OSError(5, "Input/output error", "g.npz")):
        said = run_ganinv(tmp_path, "inspect", "faces16", code=1).stderr
        verbose = run_ganinv(tmp_path, "inspect", "faces16", "-v", code=1).stderr
    assert said.splitlines() == [verbose.splitlines()[-1]]
    assert "g.npz cannot be used (Input/output error)" in said
    assert verbose.startswith("Traceback") and "OSError: [Errno 5]" in verbose


def test_a_precision_that_the_machine_lacks_is_refused_before_images(tmp_path, monkeypatch):
    def refuse(setting: str, dtype: str, gpu: bool) -> None:
        raise ConfigError("no bfloat16 here")

    monkeypatch.setattr(train_generator, "require_fast_dtype", refuse)
    builders.save_images(tmp_path / "pictures", 1)
    result = run_ganinv(tmp_path, *TRAIN, "--precision", "bfloat16", code=2)
    assert "no bfloat16 here" in result.stderr
