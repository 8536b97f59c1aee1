"""Help is instant and complete, and a mistake is one line with its own exit status."""

import inspect
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ganinv_cli.cli import COMMANDS, main

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
