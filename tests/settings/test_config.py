"""Valid configs are read, and invalid settings are refused in a sentence."""

import dataclasses
import tomllib
from pathlib import Path

import pytest

from ganinv_cli.errors import ConfigError
from ganinv_cli.settings.config import (
    Config,
    ConsistencyConfig,
    InvertConfig,
    NoiseSweepConfig,
    RecoverConfig,
    identity_settings,
)
from ganinv_cli.settings.load import load
from ganinv_cli.settings.shipped import find, list_shipped


def _written(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text)
    return path


def _kind(name: str) -> type[Config]:
    """The class of a shipped config, by the beginning of its name."""
    kinds = {
        "noise-sweep": NoiseSweepConfig,
        "consistency": ConsistencyConfig,
        "invert": InvertConfig,
        "paper-noise": NoiseSweepConfig,
    }
    return next((kinds[each] for each in kinds if name.startswith(each)), RecoverConfig)


def test_the_command_line_wins_over_the_file_and_the_file_over_the_defaults(tmp_path):
    path = _written(tmp_path, "trials = 7\nseed = 3\n[lbfgs]\nmemory = 9\n")
    config = load(RecoverConfig, path, {"trials": 5, "seed": None})
    assert (config.trials, config.seed, config.solver_settings) == (5, 3, {"memory": 9})
    assert config.clip == RecoverConfig.clip


@pytest.mark.parametrize("name", list_shipped("config"))
def test_a_shipped_config_says_what_it_asks_and_how_long_it_takes(name):
    path = find("config", name)
    head = "".join(line for line in path.read_text().splitlines()[:3] if line.startswith("#"))
    assert "?" in head or "Table 1" in head or "Figure 2" in head
    assert any(unit in head for unit in ("second", "minute", "hour", "day"))
    load(_kind(name), path, {})


@pytest.mark.parametrize(
    "name", sorted({"recover", "noise-sweep", "consistency", "invert"} & {*list_shipped("config")})
)
def test_a_config_named_like_its_command_holds_the_defaults(name):
    stated = tomllib.loads(find("config", name).read_text())
    defaults = dataclasses.asdict(_kind(name)())
    for key, value in stated.items():
        assert defaults[key] == (tuple(value) if isinstance(value, list) else value)


@pytest.mark.parametrize("name", ["paper-text", "paper-code"])
def test_each_preset_of_the_paper_says_how_the_other_differs(name):
    other = {"paper-text": "paper-code", "paper-code": "paper-text"}[name]
    assert f"{other} differs" in load(RecoverConfig, find("config", name), {}).note


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trials = 0", "at least 1"),
        ('checkpoint = "a\\u0000b"', "checkpoint holds a null character; remove it"),
        ("trials = 'many'", 'trials = "many" should be a whole number, e.g. 1000'),
        ("trials = 2.5", "trials = 2.5 should be a whole number, e.g. 1000"),
        ("budget = inf", "budget = inf should be a number, e.g. 5000"),
        ("snapshots = ['x']", 'an item of snapshots = "x" should be a whole number, e.g. 10'),
        ("clip = [3]", "an item of clip = 3"),
        ("tolerance = 0", "or the solver gd"),
        (
            "clip = ['hard']",
            "no clipping rule 'hard': give one of none, standard, stochastic, wall",
        ),
        ("clip = ['none', 'none']", "twice"),
        ("clip = []", "empty"),
        ("solver = 'adam'", "no solver 'adam': give one of gd, lbfgs"),
        ("seed = -1", "between 0 and"),
        ("budget = 0", "1 to 1e9 gradients"),
        ("restarts = -1", "between 0 and 4095"),
        ("tolerance = -1", "of at least 0"),
        ("batch_size = -1", "at least 1"),
        ("shard = '5/4'", "give one of 1/4 to 4/4"),
        ("shard = '0/4'", "give one of 1/4 to 4/4"),
        ("shard = 'half'", "e.g. 1/4"),
        ("engine = 'spark'", "local or ray"),
        ("workers = 2", 'add engine = "ray"'),
        ("address = 'auto'", 'add engine = "ray"'),
        ("engine = 'ray'\ngpus_per_worker = -2.0", "0 or more"),
        ("engine = 'ray'\ncpus_per_worker = 0", "1 or more"),
        (
            "batch_norm = 'batch'\nsolver = 'gd'\ntolerance = 0\nrestarts = 0\nshard = '1/2'",
            "all trials in one process",
        ),
        ("succes = 'ever'", "has a setting 'succes'; did you mean success?"),
        ("success = 'soon'", "end or ever"),
        ("polish = 'float128'", "none or float64"),
        ("precision = 'bfloat16'", "one of auto, float32, mixed"),
        (
            "batch_norm = 'batch'\nsolver = 'gd'\ntolerance = 0\nrestarts = 0\npolish = 'float64'",
            "one trial at a time",
        ),
        ("batch_norm = 'off'", "frozen or batch"),
        ("batch_norm = 'batch'", 'use solver = "gd"'),
        ("batch_norm = 'batch'\nsolver = 'gd'\nbatch_size = 3", "as one batch"),
        ("batch_norm = 'batch'\nsolver = 'gd'", "set tolerance = 0 and restarts = 0"),
        ("trials = ", "is not TOML"),
    ],
)
def test_what_cannot_be_is_refused(tmp_path, text, words):
    path = _written(tmp_path, text)
    with pytest.raises(ConfigError) as refused:
        load(RecoverConfig, path, {})
    assert words in str(refused.value)
    assert str(path) in str(refused.value)


def test_coupled_trials_are_one_batch_of_all(tmp_path):
    path = _written(
        tmp_path, "batch_norm = 'batch'\nsolver = 'gd'\ntolerance = 0\nrestarts = 0\ntrials = 9"
    )
    assert load(RecoverConfig, path, {}).batch_size == 9
    assert load(RecoverConfig, path, {"trials": 4}).batch_size == 4


def test_only_what_changes_a_result_identifies_a_run():
    settings = dataclasses.asdict(RecoverConfig())
    for key, value in (("trials", 5), ("batch_size", 3), ("device", "cpu"), ("note", "!")):
        assert identity_settings(settings | {key: value}) == identity_settings(settings)
    others = {"seed": 1, "restarts": 0, "solver": "gd", "precision": "mixed", "polish": "float64"}
    for key, value in (others | {"tolerance": 1e-6, "lbfgs": {"memory": 5}}).items():
        assert identity_settings(settings | {key: value}) != identity_settings(settings)


def test_coupled_trials_are_identified_by_their_number_too():
    settings = dataclasses.asdict(RecoverConfig()) | {"batch_norm": "batch"}
    assert identity_settings(settings | {"trials": 5}) != identity_settings(settings)
