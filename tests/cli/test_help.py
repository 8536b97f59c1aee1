"""Help is instant, short and complete, and a mistake is one sentence with its own exit status."""

import inspect
import re
import subprocess
import sys

import click
import pytest
from click.shell_completion import ShellComplete
from click.testing import CliRunner

from ganinv_cli.cli import COMMANDS, main

HEAVY = {"tensorflow", "keras", "numpy", "scipy", "h5py", "matplotlib", "PIL"}


def test_help_loads_nothing_heavy():
    code = (
        "import sys, ganinv_cli; assert ganinv_cli.__version__ and 'click' not in sys.modules\n"
        "from click.testing import CliRunner; from ganinv_cli.cli import main\n"
        "for name in sys.argv[1:]:\n    assert CliRunner().invoke(main, [name, '--help']).stdout\n"
        "print(*sys.modules)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, *COMMANDS], capture_output=True, encoding="utf-8"
    )
    assert run.returncode == 0, run.stderr
    assert not HEAVY & set(run.stdout.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_is_explained(name):
    command = main.get_command(click.Context(main), name)
    assert command
    text = inspect.cleandoc(command.help or "")
    assert text.splitlines()[0].endswith("."), "a command's help starts with one sentence"
    several = len(re.findall(rf"^    ganinv {name}\b", text, re.MULTILINE)) > 1
    heading = "Examples" if several else "Example"
    assert re.search(rf"^{heading}:\n    ganinv {name}\b", text, re.MULTILINE)
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert [option.opts for option in options if not option.help] == []


@pytest.fixture
def show(monkeypatch):
    """A function that returns what a command prints in a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    return lambda *arguments: CliRunner().invoke(main, arguments).stdout


PAGES = [("--help",), *((name, step) for name in COMMANDS for step in ("--help", "--help-all"))]


@pytest.mark.parametrize("arguments", PAGES, ids=" ".join)
def test_a_help_page_fits_80_columns_and_cuts_nothing(arguments, show):
    page = show(*arguments)
    assert page.startswith("Usage: ")
    assert [line for line in page.splitlines() if len(line) > 80] == []
    assert "..." not in page.replace("IMAGE...", "").replace(".h5...", "").replace("ARGS]...", "")
    assert "\f" not in page


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_is_short_and_help_all_has_every_option(name, show):
    short, whole = show(name, "--help"), show(name, "--help-all")
    assert len(short.splitlines()) <= 45
    command = main.get_command(click.Context(main), name)
    names = [each.opts[0] for each in command.params if isinstance(each, click.Option)]
    missing = [each for each in names if not re.search(rf"^  (-., )?{each}\b", whole, re.MULTILINE)]
    assert missing == []
    assert short == whole or f" {name} --help-all explains them):\n" in short


def test_the_short_help_names_the_groups_that_help_all_explains(show):
    short, whole = show("invert", "--help"), show("invert", "--help-all")
    titles = ["Generator", "Method", "Where to run", "Output", "Other options"]
    *_, groups = short.partition("explains them):\n")
    assert re.findall(r"^  (\S.*?)  +[A-Z]\S+ .*\.$", groups, re.MULTILINE) == titles
    headings = re.findall(r"^([A-Z][a-z ]+):$", whole, re.MULTILINE)
    assert headings == ["Options most people need", *titles, "Help"]
    first = short.partition("people need:\n")[2].partition("\n\n")[0]
    assert "  --checkpoint " in first and "[default: portraits64]" in first
    assert "  --starts, --trials N " in first and "[default: 8, or one" in first
    assert "--solver" not in short and "  --solver " in whole


def test_commands_stand_under_headings(show):
    page = show("--help")
    starts = ("Experiments:\n  recover  ", "Generators:\n  inspect  ", "Results:\n  report  ")
    assert all(f"\n\n{start}" in page for start in starts)


def test_the_command_alone_shows_its_help(show):
    alone = CliRunner().invoke(main, [])
    assert (alone.exit_code, alone.stderr.strip()) == (2, show("--help").strip())


def test_the_shell_completes_every_option():
    completion = ShellComplete(main, {}, "ganinv", "_GANINV_COMPLETE")
    names = {each.value for each in completion.get_completions(["recover"], "--")}
    assert {"--trials", "--padding", "--help", "--help-all"} <= names


@pytest.mark.parametrize(
    ("arguments", "step"),
    [
        (["recover", "--trials", "x"], "(-h|--help)"),
        (["recover", "--workers", "x"], "--help-all"),
        (["inspect"], "(-h|--help)"),
    ],
    ids=str,
)
def test_an_error_names_the_help_that_explains_it(arguments, step):
    error = CliRunner().invoke(main, arguments).stderr
    assert re.fullmatch(rf"Error: .* \(see .* {arguments[0]} {step}\)\n", error)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["recver"], "'recover'"),
        (["recover", "--trails", "4"], "'--trials'"),
        (["recover", "--trials", "ten"], "'ten' is not a whole number; give one such as 8 (see"),
        (["recover", "--trials", "1e3"], "'1e3' is not a whole number; type 1000"),
        (["recover", "--trials", "1.5"], "'1.5' is not a whole number; give one such as 8"),
        (["recover", "--json"], "no option --json; type --format json"),
        (["sample", "faces16", "--json"], "No such option '--json'"),  # nor has it --format
        (["invert", "-"], "standard input is not read; save it to a file, and name that"),
        (["recover", "--clip", "nne"], "'--clip': 'nne': give one of none, standard,"),
        (["recover", "--clip", ","], "'--clip': the list is empty; give one or more"),
        (["recover", "--config", "paper-ours"], "did you mean paper-hour?"),
        (["recover", "--config", "recover"], "are the defaults: leave --config out"),
        (["recover", "--config", "quick.toml"], "type --trials 50 in place of --config quick"),
        (["sample", "faces16", "--out", "a", "--count", "0"], "'--count': 0 is not in the range"),
        (["train", "a", "--out", "b", "--batch-size", "1"], "1 is not in the range 2<=x<=8192"),
    ],
    ids=str,
)
def test_misuse_is_explained(arguments, words):
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    (sentence,) = result.stderr.splitlines()  # alone, without the usage
    assert words in sentence


def test_the_version_is_printed():
    for option in ("-V", "--version"):
        assert re.fullmatch(r"ganinv, version [\d.]+\n", CliRunner().invoke(main, [option]).stdout)
