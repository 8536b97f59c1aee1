"""What a user says of a generator is tested like what ganinv infers of it."""

import json

import pytest
from called import run_ganinv
from random_generators import write_random_generator
from torch_files import save_archive
from torch_generators import make_dcgan

LABELLED = 5  # a seed whose first norm tells the labels, and whose inner stride is 2
WIDE = 4  # a seed with strides 1,2,2 that the norms tell, but for the last


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("given")
    for name, seed, labels in (("seven", LABELLED, 7), ("none", LABELLED, 0), ("wide", WIDE, 0)):
        (folder / name).mkdir()
        write_random_generator(seed, folder / name, labels).path.rename(folder / name / "g")
    return folder


def inspect(folder, *arguments):
    """The beginning of the text: verdict and next step."""
    text = run_ganinv(folder, "inspect", *arguments).stdout
    return " ".join(text[: text.index("\nformat")].split())


@pytest.mark.parametrize(
    ("name", "given", "words", "step"),
    [
        pytest.param(
            *("seven", 5, "its last 7 inputs have the means of a one-hot label", " --labels 7"),
            marks=pytest.mark.slow,
        ),
        ("seven", 0, "its last 7 inputs have the means of a one-hot label", " --labels 7"),
        ("none", 7, "none of its inputs has the means of a one-hot label", ""),
    ],
)
def test_wrong_labels_are_not_confirmed(folder, name, given, words, step):
    text = inspect(folder, f"{name}/g", "--labels", given)
    assert f"verdict Not confirmed: {words}, but --labels says {given}" in text
    assert f"next step ganinv inspect {name}/g{step} file" in text
    assert "is confirmed by its batch norms, from z" in inspect(folder, *f"{name}/g{step}".split())


@pytest.mark.parametrize(
    ("option", "wrong", "value"),
    [
        ("strides", "1,1,2", "strides 2 at main.8 than the given 1"),
        pytest.param(
            *("padding", "1,1,0", "padding 0 at main.5 than the given 1"), marks=pytest.mark.slow
        ),
        pytest.param(
            *("activation", "relu", "activation selu at main.0 than the given relu"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_wrong_option_is_named_and_left_out(folder, option, wrong, value):
    text = inspect(folder, "wide/g", "--prior", "normal:0.5", f"--{option}", wrong)
    assert f"Not confirmed: it fits better with {value}; leave --{option} out" in text
    assert "next step ganinv inspect wide/g --prior normal:0.5 file" in text


def test_a_wrong_line_beside_the_file_is_named(folder):
    path = folder / "wide" / "g.toml"
    path.write_text("strides = [1, 1, 2]", encoding="utf-8")
    text = inspect(folder, "wide/g")
    path.unlink()
    assert "next step leave strides out of wide/g.toml" in text


def test_an_option_with_which_the_layers_do_not_fit_is_named(folder):
    error = run_ganinv(folder, "inspect", "wide/g", "--strides", "1,0,2", code=2).stderr
    assert "cannot take" in error and error.endswith("; leave --strides out, or correct it\n")


def test_the_values_of_black_and_white_leave_weights_their_last_function(folder):
    state = {name: array for name, array in make_dcgan().state.items() if array.ndim == 4}
    save_archive(folder / "netG.pth", state)

    def read_facts(pixels):
        arguments = ("netG.pth", f"--range={pixels}", "--format", "json")
        return json.loads(run_ganinv(folder, "inspect", *arguments).stdout)

    for pixels, function in (("-1,1", "tanh"), ("0.0,1", "sigmoid")):
        facts = read_facts(pixels)
        assert facts["range"]["function"] == function
        assert facts["sha256"] == read_facts(function)["sha256"]
    assert read_facts("0,255")["range"]["function"] is None
    text = inspect(folder, "netG.pth", "--range", "0,255")
    assert "not tested: no function bounds its pixels to 0,255, as --range tanh would" in text


@pytest.mark.parametrize("name", ["g.onnx.toml", "generator.toml"])
def test_a_whole_model_refuses_settings_of_layers_in_a_file_too(tmp_path, name):
    (tmp_path / "g.onnx").write_text("a model", encoding="utf-8")
    (tmp_path / name).write_text("strides = [1, 2]", encoding="utf-8")
    error = run_ganinv(tmp_path, "inspect", "g.onnx", code=2).stderr
    words = "describes its own layers: leave out --strides; conventions are from "
    assert words + name in error
    alone = run_ganinv(tmp_path, "inspect", "g.onnx", "--strides=1,2", code=2).stderr
    assert error.startswith(alone.strip())


def test_what_a_dcgan_does_not_take_is_refused_and_what_does_not_fit_is_left_out(folder):
    for option, words in (("--key=netG", "a single generator"), ("--labels=3", "takes no labels")):
        error = run_ganinv(folder, "inspect", "faces16", option, code=2).stderr
        assert words in error and f"leave {option.partition('=')[0]} out" in error
    text = inspect(folder, "faces16", "--activation", "leaky_relu:0.3")
    assert (
        "Not confirmed" in text
        and "leave --activation out to see whether the file fits without" in text
    )
