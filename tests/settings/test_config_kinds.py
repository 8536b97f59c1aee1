"""Each experiment takes its own settings, and refuses others."""

import dataclasses

import pytest
from click import Context

from ganinv_cli.cli import main
from ganinv_cli.errors import ConfigError
from ganinv_cli.settings.config import (
    ConsistencyConfig,
    InvertConfig,
    NoiseSweepConfig,
    RecoverConfig,
    identity_settings,
)
from ganinv_cli.settings.load import load
from ganinv_cli.settings.names import CONFIG_ONLY, SOLVERS

KINDS = (RecoverConfig, NoiseSweepConfig, ConsistencyConfig, InvertConfig)
OWN = {
    RecoverConfig: {"success", "snapshots", "polish"},
    NoiseSweepConfig: {"variances", "clip_pixels", "stationary"},
    ConsistencyConfig: {"image", "crop", "mask", "stationary"},
    InvertConfig: {"image", "crop", "mask", "stationary"},
}
SHARED = set.intersection(*({field.name for field in dataclasses.fields(kind)} for kind in KINDS))
CHANGED = {  # a value other than the default's, as TOML and as the config holds it
    "success": ("'ever'", "ever"),
    "polish": ("'float64'", "float64"),
    "snapshots": ("[10, 50]", (10, 50)),
    "variances": ("[0, 0.25]", (0, 0.25)),
    "clip_pixels": ("true", True),
    "stationary": ("1e-5", 1e-5),
    "image": ("['a.png', 'folder']", ("a.png", "folder")),
    "crop": ("'1,2,30'", "1,2,30"),
    "mask": ("'mask.png'", "mask.png"),
}
EACH = [(kind, key) for kind in KINDS for key in sorted(OWN[kind])]


def _read(folder, kind, text):
    path = folder / "own.toml"
    path.write_text(text)
    return load(kind, path, {})


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_has_its_own_settings_beside_the_shared_ones(kind):
    assert {field.name for field in dataclasses.fields(kind)} == SHARED | OWN[kind]
    assert {"checkpoint", "trials", "clip", "solver", "restarts", "seed", "solver_tables"} <= SHARED


@pytest.mark.parametrize(("kind", "key"), EACH)
def test_every_setting_can_stand_in_a_file(tmp_path, kind, key):
    text, value = CHANGED[key]
    config = _read(tmp_path, kind, f"{key} = {text}\n[lbfgs]\nmemory = 9\n")
    assert getattr(config, key) == value != getattr(kind(), key)
    assert config.solver_settings == {"memory": 9}


@pytest.mark.parametrize("solver", SOLVERS)
def test_a_solver_has_the_table_of_its_name(tmp_path, solver):
    text = "[lbfgs]\nmemory = 9\n[gd]\nhalve_every = 3\n"
    config = _read(tmp_path, RecoverConfig, f"solver = {solver!r}\n{text}")
    assert config.solver_settings == {"lbfgs": {"memory": 9}, "gd": {"halve_every": 3}}[solver]


@pytest.mark.parametrize(("kind", "key"), EACH)
def test_a_setting_of_another_kind_is_refused_with_the_known_ones(tmp_path, kind, key):
    for other in KINDS:
        if key not in OWN[other]:
            with pytest.raises(ConfigError) as refused:
                _read(tmp_path, other, f"{key} = {CHANGED[key][0]}")
            assert f"has a setting {key!r}; " in str(refused.value)
            assert all(own in str(refused.value) for own in OWN[other])


SWEEP, IMAGES = (NoiseSweepConfig,), (ConsistencyConfig, InvertConfig)


@pytest.mark.parametrize(
    ("kinds", "text", "words"),
    [
        (SWEEP, "variances = []", "variances is empty: give one"),
        (SWEEP, "variances = [0.1, -1]", "variances: -1 is not a finite number"),
        (SWEEP, "variances = [nan]", "an item of variances = nan should be a number, e.g. 0.1"),
        (SWEEP, "variances = [inf]", "an item of variances = inf should be a number, e.g. 0.1"),
        (SWEEP, "variances = ['a']", 'an item of variances = "a" should be a number, e.g. 0.1'),
        (SWEEP, "variances = 0.1", "should be a list in brackets, e.g. [0.001, "),
        (SWEEP, "variances = [0.1, 0.10000001]", "two are the same to six digits"),
        (SWEEP, "clip_pixels = 1", "clip_pixels = 1 should be true or false"),
        (SWEEP, "batch_norm = 'batch'\nsolver = 'gd'\ntolerance = 0\nrestarts = 0", "frozen"),
        (SWEEP + IMAGES, "stationary = 0", "a share between 0 and 1"),
        (SWEEP + IMAGES, "stationary = 1", "a share between 0 and 1"),
        (IMAGES, "image = [3]", 'an item of image = 3 should be text in quotes, e.g. "photo.png"'),
        (IMAGES, "mask = 3", "mask = 3 should be text in quotes"),
        (IMAGES, "crop = true", 'crop = true should be text in quotes, e.g. "center"'),
        (KINDS, "trials = 0", "give at least 1"),
        (KINDS, "clip = ['hard']", "give one of none, standard, stochastic, wall"),
    ],
)
def test_what_a_kind_cannot_be_is_refused(tmp_path, kinds, text, words):
    for kind in kinds:
        with pytest.raises(ConfigError) as refused:
            _read(tmp_path, kind, text)
        assert words in str(refused.value)
        assert str(tmp_path / "own.toml") in str(refused.value)
        assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "variances", [(float("nan"),), (float("inf"),), (-0.5,), (0.1, 0.1)], ids=str
)
def test_a_variance_of_the_command_line_is_refused_alike(variances):
    with pytest.raises(ConfigError, match="variance"):
        load(NoiseSweepConfig, None, {"variances": variances})


def test_no_variance_or_image_of_the_command_line_leaves_those_of_the_file(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text("variances = [0.5]")
    assert load(NoiseSweepConfig, path, {"variances": ()}).variances == (0.5,)
    path.write_text("image = ['a.png']")
    assert load(InvertConfig, path, {"image": ()}).image == ("a.png",)
    assert load(InvertConfig, path, {"image": ("b.png",)}).image == ("b.png",)


@pytest.mark.parametrize("kind", IMAGES)
def test_the_names_of_images_do_not_identify_a_run(kind):
    """The content of the files counts; their path does not."""
    settings = dataclasses.asdict(kind())
    for key, value in (("image", ("moved/a.png",)), ("mask", "moved/mask.png"), ("trials", 3)):
        assert identity_settings(settings | {key: value}) == identity_settings(settings)
    for key, value in (("crop", "none"), ("stationary", 1e-3), ("seed", 1)):
        assert identity_settings(settings | {key: value}) != identity_settings(settings)


def test_variances_and_clipped_pixels_identify_a_sweep():
    settings = dataclasses.asdict(NoiseSweepConfig())
    for key, value in (("variances", (0.1,)), ("clip_pixels", True), ("stationary", 1e-3)):
        assert identity_settings(settings | {key: value}) != identity_settings(settings)


@pytest.mark.parametrize(
    ("kind", "solver", "option", "value"),
    [
        (InvertConfig, "gd", "stationary", 1e-5),
        (NoiseSweepConfig, "gd", "stationary", 1e-5),
        (RecoverConfig, "gd", "loss", "preconditioned"),
        (RecoverConfig, "gd", "precision", "mixed"),
        (InvertConfig, "lbfgs", "loss", "preconditioned"),
        (ConsistencyConfig, "lbfgs", "precision", "mixed"),
        (NoiseSweepConfig, "lbfgs", "loss", "preconditioned"),
    ],
)
def test_an_option_without_effect_is_refused_and_ignored_in_a_file(
    tmp_path, kind, solver, option, value
):
    with pytest.raises(ConfigError, match=f"^--{option} has no effect: .*; leave it out$"):
        load(kind, None, {"solver": solver, option: value})
    path = tmp_path / "own.toml"
    path.write_text(f"solver = {solver!r}\n{option} = {value!r}")
    assert getattr(load(kind, path, {}), option) == value


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (InvertConfig, {"stationary": 1e-5, "loss": "plain", "precision": "float32"}),
        (RecoverConfig, {"loss": "preconditioned", "precision": "mixed"}),
        (RecoverConfig, {"solver": "gd", "loss": "plain", "precision": "float32"}),
        (NoiseSweepConfig, {"variances": (0.0, 0.1), "loss": "preconditioned"}),
    ],
)
def test_an_option_with_an_effect_is_accepted(kind, options):
    config = load(kind, None, options)
    assert {name: getattr(config, name) for name in options} == options


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_is_an_option_or_for_files_alone(kind):
    name = kind.__name__.removesuffix("Config")
    command = {"NoiseSweep": "noise-sweep"}.get(name, name.lower())
    params = {param.name for param in main.get_command(Context(main), command).params}
    settings = {field.name for field in dataclasses.fields(kind)} - {"solver_tables"}
    assert settings - params == settings & set(CONFIG_ONLY)
