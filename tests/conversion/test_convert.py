"""`ganinv convert` writes a generator with the same pictures and conventions, or nothing."""

from dataclasses import replace

import builders
import conditional
import pytest
from called import run_ganinv

from ganinv_cli.conversion import keras_model
from ganinv_cli.conversion.keras_model import write_generator
from ganinv_cli.errors import GaninvError
from ganinv_cli.formats import read
from ganinv_cli.prior import Uniform, make_normal


@pytest.fixture
def folder(tmp_path):
    """A folder with a DCGAN of uniform z in `first/`, and the same as a Keras model of normal z."""
    checkpoint = builders.make_checkpoint(tmp_path / "first")
    normal = replace(checkpoint, prior=make_normal(checkpoint.network.latent))
    write_generator(normal, tmp_path / "g.keras")
    return tmp_path


def test_a_dcgan_keeps_its_layers_and_its_prior_goes_with_it(folder):
    result = run_ganinv(folder, "convert", "first", "c.keras")
    before, after = read(folder / "first"), read(folder / "c.keras")
    assert (after.sha256, after.prior) == (before.sha256, Uniform())
    assert after.sha256 in result.stdout and "the same layers" in result.stdout
    assert (folder / "c.keras.toml").read_text(
        encoding="utf-8"
    ) == 'prior = "uniform:-1,1"\nrange = "-1,1"\n'
    assert "c.keras.toml holds the prior of z" in result.stdout
    assert not list(folder.glob(".ganinv-tmp*"))
    (folder / "generator.toml").write_text(
        'prior = "uniform:0,9"', encoding="utf-8"
    )  # of others beside it
    run_ganinv(folder, "convert", "first", "normal.keras", "--prior", "normal")
    assert read(folder / "normal.keras").prior == make_normal(before.network.latent)


def test_what_makes_other_pictures_leaves_nothing_behind(folder, monkeypatch):
    monkeypatch.setattr(keras_model, "LIMIT", -1.0)
    with pytest.raises(GaninvError, match="it was removed") as caught:
        write_generator(read(folder / "first"), folder / "c.keras")
    assert caught.value.exit_code == 1
    assert sorted(path.name for path in folder.iterdir()) == ["first", "g.keras"]


def test_what_exists_is_kept_until_it_may_be_replaced(folder):
    builders.make_checkpoint(folder / "second", seed=1)
    before = read(folder / "g.keras").sha256
    result = run_ganinv(folder, "convert", "second", "g.keras", "--prior", "normal", code=2)
    assert "--overwrite" in result.stderr
    assert read(folder / "g.keras").sha256 == before
    (folder / "link.keras").symlink_to("g.keras")
    run_ganinv(folder, "convert", "second", "link.keras", "--prior", "normal", "--overwrite")
    assert read(folder / "g.keras").sha256 == read(folder / "second").sha256
    assert (folder / "link.keras").is_symlink()


def test_one_label_of_a_conditional_generator_is_a_generator(tmp_path):
    write_generator(conditional.make_conditional_checkpoint(), tmp_path / "all.keras")
    run_ganinv(tmp_path, "convert", "all.keras", "one.keras", "--label", 2)
    assert read(tmp_path / "one.keras").network.labels == 0


def test_what_contradicts_is_refused_and_stays(folder):
    (folder / "n.keras.toml").write_text('prior = "normal:2"', encoding="utf-8")
    result = run_ganinv(folder, "convert", "first", "n.keras", code=2)
    assert "n.keras.toml contradicts" in result.stderr and "which needs prior" in result.stderr
    assert (folder / "n.keras.toml").read_text(encoding="utf-8") == 'prior = "normal:2"'
    assert not (folder / "n.keras").exists()
