"""Conventions in a file beside a generator are used, and reported."""

import pytest
from builders import make_weights, rename_arrays, save_checkpoint

from ganinv_cli.errors import ConfigError
from ganinv_cli.formats import read
from ganinv_cli.formats.generator_toml import read_conventions
from ganinv_cli.prior import Normal, Uniform
from ganinv_cli.settings.conventions import Conventions


def test_what_stands_beside_a_checkpoint_is_read(tmp_path):
    prefix = save_checkpoint(tmp_path, rename_arrays(make_weights(), "C"))
    (tmp_path / "generator.toml").write_text('prior = "normal:2,0.9"\nrange = "tanh"\n')
    checkpoint = read(tmp_path)
    assert checkpoint.prior == read(prefix).prior == Normal(2, 0.9)
    assert checkpoint.convention_files == (str(tmp_path / "generator.toml"),)
    given = read(prefix, Conventions(prior="uniform"))
    assert (given.prior, given.convention_files) == (Uniform(), checkpoint.convention_files)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prior = 1", 'prior = 1 should be text in quotes, e.g. "normal:1,0.999"'),
        ("trust = true", 'has a setting "trust"'),
        ("prior = ", "is not TOML"),
        (f"strides = {'[' * 20_000}", "is not TOML: maximum recursion"),
        ('prior = "gamma"', "'gamma' is not a prior of z"),
    ],
)
def test_what_stands_there_wrongly_is_refused(tmp_path, text, words):
    prefix = save_checkpoint(tmp_path, rename_arrays(make_weights(), "C"))
    (tmp_path / "generator.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read(prefix)
    assert words in str(caught.value)


def test_a_whole_model_is_told_nothing_of_its_layers(tmp_path):
    (tmp_path / "saved_model.pb").touch()
    words = "describes its own layers: leave out --activation and --strides"
    with pytest.raises(ConfigError, match=words):
        read(tmp_path, Conventions(strides=(2,), activation="relu"))


def test_a_file_of_its_own_goes_before_that_of_the_folder(tmp_path):
    (tmp_path / "generator.toml").write_text('strides = [1, 2]\nprior = "normal:2"\nlabels = 8\n')
    alone = tmp_path / "x.pt.toml"
    alone.write_text('prior = "uniform"\n')
    found, files = read_conventions(tmp_path / "x.pt", Conventions())
    assert (found.strides, found.prior, found.labels) == ((1, 2), "uniform", 8)
    assert files == (str(alone), str(tmp_path / "generator.toml"))
    assert read_conventions(tmp_path / "y.pt", Conventions())[0].prior == "normal:2"
    given = Conventions(strides=(2,), prior="normal", labels=0)
    assert read_conventions(tmp_path / "x.pt", given) == (given, ())
