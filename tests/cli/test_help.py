"""Help is instant and complete, and a mistake is one sentence with its own exit status."""

import inspect
import re
import subprocess
import sys

import click
import pytest
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
    assert re.search(rf"^Examples?:\n    ganinv {name}\b", text, re.MULTILINE)
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert [option.opts for option in options if not option.help] == []


@pytest.mark.parametrize("arguments", [[], *([name] for name in COMMANDS)], ids=" ".join)
def test_a_help_page_fits_80_columns_and_cuts_nothing(arguments, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    page = CliRunner().invoke(main, [*arguments, "--help"]).stdout
    assert [line for line in page.splitlines() if len(line) > 80] == []
    assert "..." not in page.replace("IMAGE...", "").replace(".h5...", "").replace("ARGS]...", "")


def test_commands_stand_under_headings_and_an_experiments_options_in_groups():
    page = CliRunner().invoke(main, ["--help"]).stdout
    starts = ("Experiments:\n  recover  ", "Generators:\n  inspect  ", "Results:\n  report  ")
    assert all(f"\n\n{start}" in page for start in starts)
    page = CliRunner().invoke(main, ["invert", "--help"]).stdout
    headings = re.findall(r"^([A-Z][a-z ]+):$", page, re.MULTILINE)
    titles = ["Options most people need", "Generator", "Method", "Where to run", "Output"]
    assert headings == [*titles, "Other options"]
    first = page.partition("people need:\n")[2].partition("\n\n")[0]
    assert "  --checkpoint " in first and "[default: portraits64]" in first
    assert "  --starts, --trials N " in first and "[default: 8, or one" in first


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["recver"], "'recover'"),
        (["recover", "--trails", "4"], "'--trials'"),
        (["recover", "--trials", "ten"], "'--trials': 'ten' is not a valid integer"),
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
    assert words in result.stderr.splitlines()[-1]


def test_the_version_is_printed():
    for option in ("-V", "--version"):
        assert re.fullmatch(r"ganinv, version [\d.]+\n", CliRunner().invoke(main, [option]).stdout)
