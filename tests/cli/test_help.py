"""Help is instant and complete, and a mistake is one line with its own exit status."""

import inspect
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ganinv_cli.cli import COMMANDS, main

EARLY = ("plain,portraits64-early",)
HEAVY = {"tensorflow", "keras", "numpy", "scipy", "h5py", "matplotlib", "PIL"}


@pytest.mark.parametrize("arguments", [[], *([name] for name in COMMANDS)], ids=" ".join)
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    code = (
        "import sys; from ganinv_cli.cli import main; "
        "main(sys.argv[1:], standalone_mode=False); print(*sys.modules, file=sys.stderr)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code, *arguments, "--help"], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    assert "Usage:" in run.stdout
    assert not HEAVY & set(run.stderr.split())


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_has_help(name: str) -> None:
    command = _command(name)
    options = [option for option in command.params if isinstance(option, click.Option)]
    assert [option.opts for option in options if not option.help] == []


@pytest.mark.parametrize("arguments", [[], *([name] for name in COMMANDS)], ids=" ".join)
def test_a_help_page_fits_80_columns_and_cuts_nothing(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    page = CliRunner().invoke(main, [*arguments, "--help"]).stdout
    assert [line for line in page.splitlines() if len(line) > 80] == []
    assert "..." not in page.replace("IMAGE...", "").replace(".h5...", "").replace("ARGS]...", "")


def test_the_commands_stand_under_headings_each_on_one_line() -> None:
    page = CliRunner().invoke(main, ["--help"]).stdout
    experiments, generators, results = page.split("\n\n")[-3:]
    assert experiments.startswith("Experiments:\n  recover  ")
    assert generators.startswith("Generators:\n  inspect  ")
    assert results.startswith("Results:\n  report  ")
    lines = [line for part in (experiments, generators, results) for line in part.splitlines()]
    assert len(lines) == len(COMMANDS) + 3


def test_the_help_of_an_experiment_begins_with_eight_options_and_groups_the_others() -> None:
    page = CliRunner().invoke(main, ["invert", "--help"]).stdout
    headings = re.findall(r"^([A-Z][a-z ]+):$", page, re.MULTILINE)
    titles = ["Options most people need", "Generator", "Method", "Where to run", "Output"]
    assert headings == [*titles, "Other options"]
    first = page.partition("people need:\n")[2].partition("\n\n")[0]
    assert len(re.findall(r"^  -", first, re.MULTILINE)) == 8
    assert "  --checkpoint " in first
    assert "  --starts, --trials N " in first


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does_and_gives_an_example(name: str) -> None:
    text = inspect.cleandoc(_command(name).help or "")
    assert text.splitlines()[0].endswith("."), "a command's help starts with one sentence"
    assert re.search(rf"^Examples?:\n    ganinv {name}\b", text, re.MULTILINE)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_stands_in_the_docs(name: str) -> None:
    page = Path(__file__).parents[2] / "docs" / "cli.md"
    assert f"\n## ganinv {name}\n" in page.read_text()


@pytest.mark.parametrize(
    "arguments",
    [["recovr"], ["--nonsense"], *([name, "--nonsense"] for name in COMMANDS)],
    ids=" ".join,
)
def test_an_unknown_command_or_option_is_misuse(arguments: list[str]) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    assert arguments[-1] in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "suggestion"),
    [
        (["recver"], "'recover'"),
        (["inpsect"], "'inspect'"),
        (["recover", "--trails", "4"], "'--trials'"),
        (["invert", "--start-s"], "'--starts'"),
    ],
)
def test_a_misspelt_name_is_answered_with_the_one_that_it_resembles(
    arguments: list[str], suggestion: str
) -> None:
    assert suggestion in CliRunner().invoke(main, arguments).stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["recover", "--trials", "ten"], "ten is not a whole number of at least 1"),
        (["recover", "--trials", "2.5"], "2.5 is not a whole number of at least 1"),
        (["recover", "--seed", "-1"], "-1 is not a whole number from 0 to 4294967295"),
        (["recover", "--tolerance", "low"], "low is not a number of at least 0"),
        (["recover", "--batch-size", "0"], "0 is neither auto nor a whole number of at least 1"),
        (["recover", "--clip", "nne"], "nne is not one of none, standard, stochastic, wall"),
        (["recover", "--clip", ","], "the list is empty; give one or more of none, standard,"),
        (["recover", "--strides", "1,x"], "1,x is not a list of whole numbers such as 1,2,2,2"),
        (["invert", "--stationary", "1"], "1 is not a number above 0 and below 1"),
        (["noise-sweep", "--variances", "a,b"], "a,b is not a list of numbers such as 0.01,0.1"),
        (["train", "--average", "1"], "1 is not a number from 0, below 1"),
        (["train", "--crop-side", "0"], "0 is not a number above 0, at most 1"),
    ],
)
def test_a_wrong_value_is_answered_with_what_it_should_be(
    arguments: list[str], sentence: str
) -> None:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 2
    option = arguments[1]
    assert result.stderr.splitlines()[-1].startswith(f"Error: Invalid value for '{option}': ")
    assert sentence in result.stderr


@pytest.mark.parametrize(
    ("words", "completions"),
    [
        ("ganinv rec", ["plain,recover"]),
        ("ganinv recover --checkpoint por", ["file,por", "plain,portraits64", *EARLY]),
        ("ganinv inspect por", ["file,por", "plain,portraits64", *EARLY]),
        ("ganinv recover --config qui", ["file,qui", "plain,quick"]),
        ("ganinv recover --clip none,sto", ["plain,none,stochastic"]),
        ("ganinv invert pic", ["file,pic"]),
    ],
)
def test_the_shell_completes_commands_names_and_files(words: str, completions: list[str]) -> None:
    variables = {
        "_GANINV_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(words.count(" ")),
    }
    result = CliRunner().invoke(main, env=variables, prog_name="ganinv")
    assert result.stdout.splitlines() == completions


@pytest.mark.skipif(not shutil.which("bash"), reason="this machine has no bash")
def test_bash_accepts_the_script_for_completion() -> None:
    result = CliRunner().invoke(main, env={"_GANINV_COMPLETE": "bash_source"}, prog_name="ganinv")
    run = subprocess.run(["bash", "-n"], input=result.stdout, text=True, capture_output=True)
    assert "complete -o nosort -F _ganinv_completion ganinv" in result.stdout
    assert (run.returncode, run.stderr) == (0, "")


def test_the_version_is_printed() -> None:
    for option in ("-V", "--version"):
        assert re.fullmatch(r"ganinv, version [\d.]+\n", CliRunner().invoke(main, [option]).stdout)


def test_a_users_mistake_is_one_line_on_stderr(tmp_path: Path) -> None:
    missing = tmp_path / "missing.zip"
    result = CliRunner().invoke(main, ["train", str(missing), "--out", str(tmp_path / "out")])
    assert result.exit_code == 2
    assert result.stderr == f"Error: {missing} does not exist; name a folder or a zip archive\n"
    assert result.stdout == ""


def _command(name: str) -> click.Command:
    command = main.get_command(click.Context(main), name)
    assert command, name
    return command
