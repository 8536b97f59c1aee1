"""Experiments in a program: the numbers of the commands, in memory or in a file."""

import gc
import pickle
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import conditional
import keras_models
import numpy as np
import pytest
import tensorflow as tf
from called import run_ganinv, save_image
from PIL import Image

import ganinv_cli as ganinv
from ganinv_cli.experiments import NAMES, find_experiment
from ganinv_cli.generators.network.layered import LayeredGenerator
from ganinv_cli.generators.network.make_generator import make_generator
from ganinv_cli.images import to_pixels
from ganinv_cli.loaded_generator import LoadedGenerator
from ganinv_cli.prior import Uniform
from ganinv_cli.settings.conventions import CONVENTIONS
from ganinv_cli.settings.declare import list_settings

GIVEN: dict[str, Any] = {"trials": 3, "clip": "none", "seed": 4, "batch_size": 8}
TYPED = ("--trials", 3, "--clip", "none", "--seed", 4, "--batch-size", 8)


@pytest.fixture(scope="module")
def recovered(generator):
    return ganinv.recover(generator, **GIVEN)


@pytest.fixture(scope="module")
def inversion(generator, images):
    return ganinv.invert(generator, images, starts=3, seed=0)


def test_a_function_gives_the_numbers_of_its_command(tmp_path, folder, recovered):
    run_ganinv(tmp_path, "recover", "--checkpoint", folder, *TYPED)
    stored = ganinv.open(tmp_path / "recover.h5")
    (tmp_path / "recover.h5").write_bytes(b"")  # what was opened stays as it was
    ours, theirs = recovered.columns("none"), stored.columns("none")
    assert ours.keys() == theirs.keys()
    for name in ours.keys() - {"seconds", "first/seconds"}:
        np.testing.assert_array_equal(ours[name], theirs[name], name)
    assert recovered.answer == stored.answer and recovered.config == stored.config


@pytest.mark.parametrize("given_as", ["loaded", "path"])
@pytest.mark.parametrize("function", ["recover", "invert"])
def test_a_call_with_other_numbers_compiles_nothing_again(
    folder, generator, images, monkeypatch, function, given_as
):
    monkeypatch.setattr(LayeredGenerator, "__init__", LayeredGenerator.__init__.__wrapped__)
    given = generator if given_as == "loaded" else folder
    if function == "recover":
        call, first, second = ganinv.recover, {"trials": 2}, {"trials": 3}
    else:
        call = ganinv.invert
        first, second = ({"images": each, "starts": 2} for each in (images[:1], images[1:]))
    call(given, **first)
    graph = tf.__internal__.FuncGraph
    with mock.patch.object(graph, "__init__", autospec=True, side_effect=graph.__init__) as made:
        call(given, seed=5, tolerance=1e-7, budget=500, batch_size=2, **second)
    assert not made.called


def test_of_what_was_compiled_only_the_latest_is_kept(monkeypatch):
    monkeypatch.setattr("ganinv_cli.generators.network.generator.MAX_KEPT", 3)
    generator = make_generator(conditional.make_conditional_definition())
    made = [weakref.ref(generator.reuse(mock.Mock, n)) for n in range(6)]
    gc.collect()
    assert [each() is not None for each in made] == [False] * 3 + [True] * 3


def test_results_are_in_memory_until_they_are_written(tmp_path, monkeypatch, recovered):
    monkeypatch.chdir(tmp_path)
    assert recovered.answer and recovered.answer in " ".join(recovered.table().split())
    assert len(recovered.table().splitlines()) <= 20
    assert len(recovered.table(full=True)) > len(recovered.table())
    assert recovered.table("csv").startswith("technique,")
    assert "figure1-none" in recovered.figures()
    with pytest.raises(ganinv.UsageError, match="one of text, markdown"):
        recovered.table("html")
    with pytest.raises(ganinv.UsageError, match="no group 'all'; give one of "):
        recovered.columns("all")
    assert not [*tmp_path.iterdir()]
    recovered.to_hdf5("r.h5")
    again = ganinv.open("r.h5")
    assert again.tables == recovered.tables and again.config == recovered.config
    sent = pickle.loads(pickle.dumps(again))
    assert (
        sent.tables == again.tables and sent.columns("none").keys() == again.columns("none").keys()
    )
    again.to_hdf5("copy.h5")
    assert Path("copy.h5").read_bytes() == Path("r.h5").read_bytes()
    begun = replace(again, store=replace(again.store, complete=False))
    with pytest.raises(ganinv.ResultsError, match="its run has not finished; run its command"):
        begun.to_hdf5("begun.h5")
    recovered.save_report("folder")
    assert Path("folder", "report.html").exists()


@pytest.mark.slow
def test_a_call_with_a_file_goes_on_as_the_command_does(tmp_path, generator, recovered):
    file = tmp_path / "r.h5"
    ganinv.recover(generator, out=file, **GIVEN | {"trials": 2})
    longer = ganinv.recover(generator, out=file, **GIVEN)
    ours, theirs = longer.columns("none"), recovered.columns("none")
    np.testing.assert_allclose(ours["z_found"], theirs["z_found"], atol=1e-5)
    with pytest.raises(ganinv.ResultsError, match="seed"):
        ganinv.recover(generator, out=file, **GIVEN | {"seed": 5})


@pytest.mark.parametrize("name", NAMES)
def test_a_function_can_be_sent_to_another_process(name):
    function = getattr(ganinv, name)
    assert function.__name__ == name and pickle.loads(pickle.dumps(function)) is function


def test_progress_is_given_to_a_reporter(generator, monkeypatch):
    monkeypatch.setenv("GANINV_NO_CACHE", "1")  # so that J is measured
    reporter = mock.Mock()
    stable = {"solver": "gd", "gd": {"metric": 0, "rate": "stable"}, "budget": 40}
    ganinv.recover(generator, progress=reporter, **GIVEN | stable)
    phases = [call.args[0] for call in reporter.enter.call_args_list]
    measured = [phase for phase in phases if phase.startswith("measuring J")]
    assert measured[:40] == [f"measuring J at {number}/40 random z" for number in range(1, 41)]
    assert phases.index("measuring the generator") < phases.index(measured[0])
    assert reporter.show.call_args.args[0].finished == 3


def test_a_wrong_setting_is_refused(generator):
    for wrong, words in (
        ({"clip": "stochastically"}, "give one of none, standard"),
        ({"gd": {"speed": 1}, "solver": "gd"}, "speed"),
        ({"config": "no-such"}, "no such config"),
    ):
        with pytest.raises(ganinv.ConfigError, match=words):
            ganinv.recover(generator, **GIVEN | wrong)


class RunReachedError(Exception):
    """Raised in place of a run."""


def call_until_run(name, generator, **keywords):
    """Return the config and the generator with which a function would run."""
    function = getattr(ganinv, name)
    images = ["x.png"] if find_experiment(name).has_images else []
    with (
        mock.patch(
            "ganinv_cli.experiments.run_experiment.run_experiment", side_effect=RunReachedError
        ) as run,
        pytest.raises(RunReachedError),
    ):
        function(generator, *images, **keywords)
    request, generator = run.call_args.args[:2]
    return request.config, generator


def choose_other_value(setting):
    """Return a value that a setting may have, and does not have by default."""
    is_list, kind = setting.type.is_list, setting.type.kinds[0]
    low, high = setting.range or (0, 1)
    if kind is str:
        choices = setting.choices or [{"shard": "1/2"}.get(setting.name, "other")]
    elif kind is bool:
        choices = [not setting.default]
    else:
        choices = [low + 1 if kind is int else (low + high) / 2]
    value = next(each for each in choices if each != setting.default)
    return (value,) if is_list else value


@pytest.mark.parametrize("function", NAMES)
def test_a_keyword_changes_the_run_or_is_refused(function):
    generator = LoadedGenerator("digits", conditional.make_conditional_definition())
    kind = find_experiment(function).config
    refused = set()
    for setting in list_settings(kind).values():
        value = choose_other_value(setting)
        for name in filter(None, (setting.name, setting.synonym)):
            try:
                config, _ = call_until_run(function, generator, **{name: value})
            except ganinv.ConfigError as error:
                refused.add(name)
                assert name in str(error)
            else:
                assert getattr(config, setting.name) == value != getattr(kind(), setting.name)
    other = {"checkpoint", "image", "address", "workers", "cpus_per_worker", "gpus_per_worker"}
    other |= {"batch_norm", "levels"}  # without the settings that they go with
    assert refused == {*CONVENTIONS, *other & list_settings(kind).keys()}


@pytest.mark.parametrize(
    ("keywords", "words"),
    [
        ({"label": 3}, "has labels 0 to 2"),
        ({"prior": "normal:2"}, r"load it so, as in ganinv.load\(…, prior='normal:2'\)"),
        ({"starts": 4, "trials": 4}, "starts and trials, which are one setting"),
        ({"starts": "8"}, 'starts = "8" should be a whole number, e.g. 8$'),
        ({"start": 4}, 'start = 4 should be text in quotes, e.g. "random"; did you mean starts?'),
        ({"gd": {"rate": 1.0}}, 'the solver is lbfgs: add solver = "gd"'),
        (
            {"solver": "gd", "stationary": 0.1},
            "stationary is not a setting of gd, .*: leave it out",
        ),
        ({"clip": ["none", "standard"]}, "one clipping rule"),
    ],
)
def test_a_keyword_without_effect_is_refused(keywords, words):
    generator = LoadedGenerator("digits", conditional.make_conditional_definition())
    with pytest.raises(ganinv.ConfigError, match=words):
        ganinv.invert(generator, "x.png", **keywords)


def test_a_loaded_generator_takes_a_label_its_own_prior_and_the_table_of_a_solver():
    loaded = LoadedGenerator("digits", conditional.make_conditional_definition())
    one = LoadedGenerator("digits", loaded.definition, label=1)
    for generator, label in ((loaded, 2), (one, 2)):
        config, used = call_until_run("invert", generator, label=label, prior="uniform")
        assert used.label == config.label == label
    assert call_until_run("recover", one)[0].label == 1
    table = {"halve_every": 7}
    config, _ = call_until_run("recover", loaded, config="paper-stable", gd=table)
    assert config.solver_settings == {"metric": 0, "rate": "stable", "halve_every": 7}


def test_a_model_is_loaded_with_the_conventions_of_a_config(tmp_path):
    (tmp_path / "c.toml").write_text('prior = "uniform:0,1"\n', encoding="utf-8")
    model = keras_models.build_model("nested")
    _, used = call_until_run("recover", model, config=tmp_path / "c.toml")
    assert used.definition.prior == Uniform(0, 1)


def test_an_inversion_has_a_row_for_each_image(generator, images, inversion):
    assert inversion.z.shape == (len(inversion), generator.latent_size) == (3, 6)
    assert np.abs(inversion.z - generator.draw_z(3, seed=9)).max() < 0.1
    assert inversion.verdict == ["made"] * 3 and inversion.outcome == ["converged"] * 3
    assert (inversion.psnr > 40).all() and (inversion.image_loss < 1).all()
    assert ((inversion.agreement > 0) & (inversion.agreement <= 1)).all()
    assert inversion.inside.dtype == np.bool_ and inversion.inside.all()
    np.testing.assert_allclose(inversion.images, generator(inversion.z), atol=1 / 127)
    np.testing.assert_array_equal(to_pixels(inversion.targets), images)
    assert len(inversion.table().splitlines()) <= 20
    assert f"3 images, gradients in {inversion.run.precision}:" in repr(inversion)


def test_a_shard_returns_its_own_images(generator, images):
    parts = [ganinv.invert(generator, images, starts=1, shard=f"{n}/2") for n in (1, 2)]
    assert [part.names for part in parts] == [["image 0", "image 2"], ["image 1"]]


def test_a_report_of_another_program_is_kept(tmp_path, recovered, inversion):
    page = tmp_path / "report.html"
    page.write_text("mine", encoding="utf-8")
    for results in (recovered, inversion):
        with pytest.raises(ganinv.UsageError, match="ganinv did not write it"):
            results.save_report(tmp_path)
    assert [*tmp_path.iterdir()] == [page] and page.read_text(encoding="utf-8") == "mine"


@pytest.mark.slow
def test_images_are_given_in_many_ways(tmp_path, generator, images, inversion):
    (tmp_path / "folder").mkdir()
    paths = [save_image(tmp_path / "folder" / f"{n}.png", image) for n, image in enumerate(images)]
    np.save(tmp_path / "all.npy", images)
    np.savez(tmp_path / "all.npz", images=images)
    given = [
        *paths,
        str(tmp_path / "folder"),
        *(Image.fromarray(image) for image in images),
        2 * (images / 255) - 1,
        tf.constant(2 * (images / 255) - 1),
        [*images],
        tmp_path / "all.npy",
        tmp_path / "all.npz",
    ]
    found = ganinv.invert(generator, given, starts=3, seed=0)
    np.testing.assert_allclose(found.z, np.tile(inversion.z, (8, 1)), atol=1e-5)
    table = ganinv.consistency(generator, images[0], trials=3, clip=["none"], seed=0).tables
    assert table["table2"][0]["recoveries"] == 3


def test_what_cannot_be_inverted_is_refused(generator):
    for images, words in (
        (np.full((8, 8, 3), 2.0), "-1"),
        ("no-such.png", "does not exist"),
        ([], "no image is given"),
        (generator, "image 0 is a LoadedGenerator; give a path"),
        (np.full((8, 8, 3), np.nan), "image 0 has values that are not finite"),
    ):
        with pytest.raises(ganinv.ImageError, match=words):
            ganinv.invert(generator, images)
    with pytest.raises(ganinv.ImageError, match="does not exist"):
        ganinv.invert(generator, None, image=["no-such.png"])
    with pytest.raises(ganinv.ConfigError, match="the generator of invert is None; give one"):
        ganinv.invert(None, images)
