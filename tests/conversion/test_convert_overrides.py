"""`ganinv convert` writes the conventions of its generator in a file that applies to it alone."""

import errno
import os
import tempfile
from dataclasses import replace
from pathlib import Path

import builders
import conditional
import numpy as np
import pytest
from called import run_ganinv

from ganinv_cli.conversion.destination import parse_destination
from ganinv_cli.conversion.write import write_generator
from ganinv_cli.errors import GaninvError, UsageError
from ganinv_cli.formats import read
from ganinv_cli.network.folding import fix_label
from ganinv_cli.network.graph import LABEL, Network, Node, Z, chain
from ganinv_cli.network.layers import Activation, Concat, Dense, Reshape, same_conv_transpose
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.prior import Normal, Uniform, make_normal

# Keras asks its variables for an array as NumPy 1 did
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def folder(tmp_path):
    """A folder with a DCGAN of uniform z in `first/`, and the same as a Keras model of normal z."""
    checkpoint = builders.make_checkpoint(tmp_path / "first")
    normal = replace(checkpoint, prior=make_normal(checkpoint.network.latent))
    write_generator(normal, parse_destination(tmp_path / "g.keras", overwrite=False))
    return tmp_path


def _told(path: Path) -> tuple[object, ...]:
    found = read(path)
    return found.sha256, found.prior, found.convention_files


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ("n.keras", "n.keras.toml"),
        ("first/DCGAN.model-9", "first/DCGAN.model-9.toml"),
        ("new", "new/generator.toml"),
    ],
)
def test_a_prior_goes_beside_the_file_and_changes_no_other(folder, to, told):
    others = ("g.keras", "first")
    before = [_told(folder / name) for name in others]
    run_ganinv(folder, "convert", "g.keras", to, "--prior", "normal:2.5,0.9")
    assert read(folder / to).prior == Normal(2.5, 0.9)
    assert (folder / told).read_text() == 'prior = "normal:2.5,0.9"\n'
    assert [_told(folder / name) for name in others] == before
    assert len(list(folder.rglob("*.toml"))) == 1


def test_what_the_format_implies_is_not_said(folder):
    run_ganinv(folder, "convert", "first", "c")
    run_ganinv(folder, "convert", "g.keras", "again.keras")
    assert not list(folder.rglob("*.toml"))


def test_its_own_file_goes_before_what_the_folder_says_of_all(folder):
    (folder / "generator.toml").write_text('prior = "normal:2"\nrange = "sigmoid"\n')
    run_ganinv(folder, "convert", "first", "n.keras")
    assert (folder / "n.keras.toml").read_text() == 'prior = "uniform:-1,1"\nrange = "-1,1"\n'
    assert read(folder / "n.keras").prior == Uniform()
    assert (folder / "generator.toml").read_text() == 'prior = "normal:2"\nrange = "sigmoid"\n'


def test_what_the_folder_says_so_already_is_not_said_again(folder):
    (folder / "generator.toml").write_text('prior = "normal:2"\n')
    run_ganinv(folder, "convert", "first", "n.keras", "--prior", "normal:2")
    assert not (folder / "n.keras.toml").exists()
    assert read(folder / "n.keras").prior == make_normal(6, 2)


@pytest.mark.parametrize(
    ("to", "file", "said", "words"),
    [
        ("n.keras", "n.keras.toml", 'prior = "normal:2"', "which needs prior"),
        ("own", "own/generator.toml", 'prior = "normal:2"', "which needs prior"),
        ("first/DCGAN.model-9", "first/generator.toml", "strides = [2]", "states strides"),
    ],
)
def test_what_contradicts_is_refused_and_stays(folder, to, file, said, words):
    (folder / "own").mkdir()
    (folder / file).write_text(said)
    result = run_ganinv(folder, "convert", "first/DCGAN.model-7", to, "--overwrite", "--prior",
                    "uniform", "--strides", "2,2", code=2)  # fmt: skip
    assert file in result.stderr and words in result.stderr
    assert (folder / file).read_text() == said
    assert not (folder / "n.keras").exists()
    assert not (folder / f"{to}.index").exists()


def _beside(*order: int) -> Network:
    """A DCGAN whose matrix takes z and an embedding of the label, in a given order."""
    arrays = builders.make_weights()
    layers = (
        Dense(arrays["g_h0_lin/Matrix"], arrays["g_h0_lin/bias"]),
        Reshape((4, 4, 8)),
        Activation("relu"),
        same_conv_transpose(arrays["g_h1/w"], arrays["g_h1/biases"], 2),
        Activation("relu"),
        same_conv_transpose(arrays["g_h2/w"], arrays["g_h2/biases"], 2),
        Activation("tanh"),
    )
    plain = chain(6, layers)
    random = np.random.default_rng(5)
    table = Dense(random.normal(0, 1, (3, 4)).astype(np.float32), np.zeros(4, np.float32))
    first = plain.nodes[0].layer
    more = random.normal(0, 0.5, (4, first.weights.shape[1])).astype(np.float32)
    parts = {Z: first.weights, 1: more}
    matrix = Dense(np.concatenate([parts[each] for each in order]), first.bias)
    nodes = [
        Node(table, (LABEL,), "table"),
        Node(Reshape((4,)), (0,), "flat"),
        Node(Concat(), order, "beside"),
        Node(matrix, (2,), "matrix"),
    ]
    for node in plain.nodes[1:]:
        nodes.append(node._replace(inputs=(len(nodes) - 1,)))
    return Network(plain.latent, tuple(nodes), 3)


@pytest.mark.parametrize("order", [(Z, 1), (1, Z)], ids=["behind z", "before z"])
def test_a_label_that_is_fixed_goes_into_the_matrix(tmp_path, order):
    whole = replace(conditional.make_conditional_checkpoint(), network=_beside(*order))
    one = replace(whole, network=fix_label(whole.network, 2))
    write_generator(one, parse_destination(tmp_path / "c", overwrite=False))
    z = np.random.default_rng(0).uniform(-1, 1, (4, whole.network.latent)).astype(np.float32)
    made = make_generator(read(tmp_path / "c")).render(z, 4)
    pictures = [make_generator(whole, label=label).render(z, 4) for label in (2, 1)]
    np.testing.assert_allclose(made, pictures[0], atol=1e-5)
    assert np.abs(made - pictures[1]).max() > 0.01


def test_a_place_that_is_forbidden_is_misuse_and_a_full_disk_is_not(folder, monkeypatch):
    for number, kind, code, advice in (
        (errno.EACCES, UsageError, 2, "choose another place, or allow writing there"),
        (errno.EROFS, UsageError, 2, "choose another place, or allow writing there"),
        (errno.ENOSPC, GaninvError, 1, "free some space, or choose another place"),
    ):

        def refused(*_, error=number, **__):
            raise OSError(error, os.strerror(error))

        with monkeypatch.context() as patched:
            patched.setattr(tempfile, "mkdtemp", refused)
            with pytest.raises(kind, match=advice) as caught:
                write_generator(
                    read(folder / "first"), parse_destination(folder / "n.keras", overwrite=False)
                )
        assert caught.value.exit_code == code
    assert not (folder / "n.keras").exists()


def test_a_folder_that_is_forbidden_is_known_before_anything_is_read(folder, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    for to in ("n.keras", "c", "first/DCGAN.model-9"):
        result = run_ganinv(folder, "convert", "nothing", to, code=2)
        assert "cannot be written" in result.stderr
        assert "choose another place, or allow writing there" in result.stderr
