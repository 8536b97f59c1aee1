"""Each setting is declared once: option, TOML file and keyword take and refuse the same values."""

import dataclasses

import click
import pytest
from click.testing import CliRunner

from ganinv_cli.cli import main
from ganinv_cli.cli.options import make_parameter
from ganinv_cli.errors import ConfigError
from ganinv_cli.experiments import list_experiments
from ganinv_cli.experiments.invert.config import InvertConfig
from ganinv_cli.experiments.noise_sweep.config import NoiseSweepConfig
from ganinv_cli.experiments.recover.config import RecoverConfig
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.declare import Setting, ValueType, list_settings, to_toml
from ganinv_cli.settings.load import (
    check_keywords,
    identity_settings,
    load_config,
    name_arguments,
    name_setting,
)
from ganinv_cli.settings.shipped import find, list_shipped

CONFIGS = {each.command: each.config for each in list_experiments()}
FREE = {  # of these a run that goes on may have others
    *("checkpoint", "range", "activation", "strides", "padding", "epsilon", "upsampling", "norm"),
    *("key", "labels", "latent", "latents", "encoder", "trust", "engine", "address", "workers"),
    "cpus_per_worker",
    *("gpus_per_worker", "device", "shard", "note", "image", "mask", "threshold", "compare"),
}
COUPLED = ("solver = 'gd'", "tolerance = 0", "restarts = 0", "batch_norm = 'batch'")


def get_options(name):
    command = main.get_command(click.Context(main), name)
    return {param.name: param for param in command.params}


def read_file(folder, kind, text, **options):
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return load_config(kind, path, options)


def type_option(name, setting, value):
    """Return what the command says of a value of an option, before it does anything."""
    option = get_options(name)[setting.name].opts[0]
    text = ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
    ray = ["--engine", "ray"] if setting.group == "Where to run" else []
    return CliRunner().invoke(main, [name, *ray, f"{option}={text}"])


@pytest.mark.parametrize("name", CONFIGS)
def test_an_option_shows_its_default_and_never_overrides_a_file(name):
    for setting in list_settings(CONFIGS[name]).values():
        option, default = get_options(name).get(setting.name), setting.default
        if not isinstance(option, click.Option):
            assert setting.name in ("note", "image")
            continue
        assert option.help == setting.help != ""
        assert option.get_default(click.Context(click.Command("c"))) in (None, ())
        if default not in (None, (), 0, False) and not setting.shown_default:
            items = default if isinstance(default, tuple) else (default,)
            shown = option.show_default.split(",")
            assert [type(item)(text) for item, text in zip(items, shown, strict=True)] == [*items]


def list_wrong_values(setting):
    """Return values that a setting may not have."""
    words = ["other"] if setting.choices else []
    if not setting.range:
        return words
    low, high = setting.range
    return [*words, *((low, high) if setting.exclusive else (low - 2, high + 1))]


@pytest.mark.parametrize("name", CONFIGS)
def test_a_wrong_value_is_refused_alike_by_file_keyword_and_option(name, tmp_path):
    kind = CONFIGS[name]
    for setting in list_settings(kind).values():
        is_list = isinstance(setting.default, tuple)
        for number in () if setting.exclusive else setting.range or ():
            value = [setting.type.kinds[0](number)] if is_list else number
            check_keywords(kind, name, {setting.name: value})
        for wrong in list_wrong_values(setting):
            value = (wrong,) if is_list else wrong
            with pytest.raises(ConfigError) as in_file:
                read_file(tmp_path, kind, f"{setting.name} = {to_toml(value)}")
            sentence = str(in_file.value).removeprefix(f"{tmp_path / 'own.toml'}: ")
            assert sentence.startswith(setting.name) and f" {to_toml(wrong)}: give " in sentence
            with pytest.raises(ConfigError) as keyword:
                check_keywords(kind, name, {setting.name: value})
            assert str(keyword.value) == f"{name}: {sentence}"
            if setting.name != "note":
                result = type_option(name, setting, value)
                assert (result.exit_code, result.stdout) == (2, "")
                given = sentence.partition(": give one of ")[2].split(", ")
                assert all(word in result.stderr for word in given)
                assert wrong == "other" or sentence.partition(": give ")[2] in result.stderr


@pytest.mark.parametrize("name", CONFIGS)
def test_a_value_of_another_type_is_refused(name, tmp_path):
    for setting in list_settings(CONFIGS[name]).values():
        is_number = not setting.type.is_list and {int, float} & {*setting.type.kinds}
        wrong = '"3"' if is_number else "3"
        with pytest.raises(ConfigError, match=f"{setting.name} = {wrong} should be "):
            read_file(tmp_path, CONFIGS[name], f"{setting.name} = {wrong}")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("trials = true", "should be a whole number, e.g. 1000"),
        ("budget = inf", "budget = Infinity should be a number, e.g. 5000.0"),
        ("clip = [3]", 'clip has 3, which should be text in quotes, e.g. "none"'),
        ("clip = []", 'clip is empty: give one or more, e.g. ["none"]'),
        ("clip = ['none', 'none']", "clip has a rule twice"),
        ("shard = '5/4'", "shard = '5/4': give the number of the part and of all, e.g. 1/4"),
        ("workers = 2", 'workers is a setting of a Ray cluster: add engine = "ray"'),
        ("succes = 'ever'", 'succes is not a setting; did you mean success = "ever"?'),
        ("[gdd]", "gdd is not a setting; did you mean [gd]?"),
        ("clip = ['stochstic']", "reflect; did you mean stochastic?"),
        ("lbfgs = 3", "lbfgs = 3 should be a table"),
        ("\n".join((*COUPLED, "batch_size = 3")), "it needs batch_size = 1000"),
        ("\n".join((*COUPLED, "polish = 'float64'")), "polish takes one trial at a time"),
    ],
)
def test_a_wrong_setting_is_one_sentence_that_names_the_file(tmp_path, text, words):
    with pytest.raises(ConfigError) as refused:
        read_file(tmp_path, RecoverConfig, text)
    assert words in str(refused.value) and "\n" not in str(refused.value)
    assert str(refused.value).startswith(str(tmp_path / "own.toml"))


def test_a_wrong_noise_sweep_is_refused():
    for options, words in (
        ({"variances": (0.1, 0.10000001)}, "two are the same to six digits"),
        ({"variances": (float("nan"),)}, "variances has NaN: give at least 0"),
        ({"levels": (0.1,)}, "levels is not a setting of gaussian noise: give --variances 0.1"),
        ({"noise": "missing-pixels", "levels": (0.1, 2.0)}, "levels has 2: give at most 1"),
    ):
        with pytest.raises(ConfigError, match=words):
            load_config(NoiseSweepConfig, None, options)


def test_options_win_over_the_file_and_the_file_over_the_defaults(tmp_path):
    text = "trials = 7\nseed = 3\nsnapshots = [10, 50]\n[lbfgs]\nmemory = 9\n[gd]\nrate = 1.0\n"
    config = read_file(tmp_path, RecoverConfig, text, trials=5, seed=None, clip=())
    assert (config.trials, config.seed, config.snapshots) == (5, 3, (10, 50))
    assert (config.clip, config.solver_settings) == (RecoverConfig.clip, {"rate": 1.0})
    images = read_file(tmp_path, InvertConfig, "image = ['a.png']", image=())
    assert images.image == ("a.png",)


def test_set_takes_what_a_file_takes_and_wins_over_it(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text("trials = 7\nsolver = 'gd'\n[gd]\nrate = 1.0\nhalve_every = 9\n", "utf-8")
    assigned = ("gd.rate=0.5", "gd.rate=stable", "snapshots=10,50", "success=ever", "clip=['none']")
    config = load_config(RecoverConfig, path, {"trials": 5}, assigned)
    assert config.solver_settings == {"rate": "stable", "halve_every": 9}
    assert (config.trials, config.snapshots, config.success) == (5, (10, 50), "ever")
    assert config.clip == ("none",)
    as_options = ("solver=gd", "gd.rate=.5", "clip=none, zero")
    short = load_config(RecoverConfig, None, {}, as_options)
    assert short.clip == ("none", "zero") and short.solver_settings == {"rate": 0.5}


@pytest.mark.parametrize(
    ("assignment", "words"),
    [
        ("gd", "--set gd: give a setting and its value"),
        ("gd.=2", "--set gd.=2: give a setting and its value"),
        ("succes=ever", 'succes is not a setting; did you mean success = "ever"?'),
        ("rate=1", "rate is not a setting (docs/cli.md lists them); one of a solver has its name"),
        ("restarts=few", '--set: restarts = "few" should be a whole number, e.g. 40'),
        ("gd=2", "--set: gd = 2 should be a table"),
        (
            "lbfgs.memory=2",
            'the solver is gd: add solver = "lbfgs" (--solver lbfgs), or leave lbfgs',
        ),
        ("trials=6", "--trials and --set trials are one setting"),
    ],
)
def test_a_wrong_assignment_is_one_sentence(assignment, words):
    with pytest.raises(ConfigError) as refused:
        load_config(RecoverConfig, None, {"trials": 5}, [assignment])
    assert words in str(refused.value) and "\n" not in str(refused.value)


def test_keywords_may_be_of_numpy_and_none_is_no_setting():
    numpy = pytest.importorskip("numpy")
    given = {"trials": numpy.int64(3), "clip": "none", "seed": None, "gd": {"rate": 1.0}}
    checked = check_keywords(RecoverConfig, "recover", given)
    assert checked == {"trials": 3, "clip": ("none",), "solver_tables": {"gd": {"rate": 1.0}}}
    given = {"variances": numpy.array([0.1])}
    assert check_keywords(NoiseSweepConfig, "noise-sweep", given) == {"variances": (0.1,)}


def test_coupled_trials_are_one_batch_of_all(tmp_path):
    text = "\n".join((*COUPLED, "trials = 9"))
    assert read_file(tmp_path, RecoverConfig, text).batch_size == 9
    assert read_file(tmp_path, RecoverConfig, text, trials=4).batch_size == 4


@pytest.mark.parametrize("batch_norm", ["frozen", "batch"])
def test_only_what_changes_a_result_must_be_equal_when_a_run_goes_on(batch_norm):
    free = FREE | ({"trials", "batch_size"} if batch_norm == "frozen" else set())
    for kind in CONFIGS.values():
        settings = dataclasses.asdict(kind()) | {"batch_norm": batch_norm, "lbfgs": {"memory": 5}}
        assert set(identity_settings(kind, settings)) == set(settings) - free


def test_a_setting_is_named_as_a_user_types_it():
    assert name_setting("batch_size") == "--batch-size"
    assert name_setting("lbfgs.memory") == "[lbfgs] memory"


@pytest.mark.parametrize("name", list_shipped("config"))
def test_a_shipped_config_says_what_it_asks_and_how_long_it_takes(name):
    commands = {"paper-noise": "noise-sweep", "paper-consistency": "consistency"}
    load_config(CONFIGS[commands.get(name, "recover")], find("config", name), {})
    text = find("config", name).read_text(encoding="utf-8")
    head = "".join(line for line in text.splitlines()[:3] if line.startswith("#"))
    assert "?" in head or "Table 1" in head or "Figure 2" in head
    assert any(unit in head for unit in ("second", "minute", "hour", "day"))


@pytest.mark.parametrize(
    ("kind", "words", "values"),
    [
        (ValueType((int,)), ["7"], [None, 7]),
        (ValueType((str,), is_list=True), ["a.png", "b.png"], [(), ("a.png", "b.png")]),
    ],
)
def test_an_argument_takes_one_value_or_all_of_a_list(kind, words, values):
    setting = Setting("place", None, kind, argument="PLACE", is_path=kind.is_list)
    given = []
    command = click.command()(make_parameter(setting)(lambda place: given.append(place)))
    assert CliRunner().invoke(command, []).exit_code == 0  # a file may have it
    assert CliRunner().invoke(command, words).exit_code == 0
    assert given == values


def test_an_error_of_a_function_names_its_arguments():
    words = "leave device out, or give batch_size 8; see --help"
    with pytest.raises(ConfigError, match=f"^{words}$"), name_arguments(Config):
        raise ConfigError("leave --device out, or give --batch-size 8; see --help")
