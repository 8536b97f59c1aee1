"""The commands and programs in the documentation, and the configs that ship, do run.

To be quick, an experiment has two trials or one start per image, and small generators have the
names of those that ship. The examples of docs/api.md and the tutorial are run in tests/api.
"""

import contextlib
import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path

import builders
import click
import numpy as np
import pytest
import torch_files
import torch_generators
from called import run_ganinv
from PIL import Image

from ganinv_cli.cli import main
from ganinv_cli.settings.shipped import list_shipped

ROOT = Path(__file__).parent.parent
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ALL_PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "checkpoints/README.md"] + [
    str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("docs/*.md"))
]
NOT_RUN = {  # beginning of a line -> why it is not run here
    "python3 -m venv": "the tests run in an environment that has ganinv",
    "make ": "runs the tests, or experiments for hours",
    ".venv/bin/python -m pytest": "runs the tests",
    ".venv/bin/uv ": "asks the package index",
    "ganinv train ": "trains for an hour; tested in tests/training",
}
QUICK = {"recover": 2, "noise-sweep": 2, "consistency": 2, "invert": 1}  # trials of experiments
CONFIG_COMMANDS = {"consistency": "consistency", "noise": "noise-sweep"}
BUDGET = 30  # gradients per trial of a config


@pytest.fixture
def folder(tmp_path):
    """A folder with the files that the pages name."""
    shutil.copytree(ROOT / "docs" / "portraits", tmp_path / "docs" / "portraits")
    for seed, name in enumerate(list_shipped("checkpoint")):
        weights = builders.make_weights(seed=seed)
        builders.save_checkpoint(tmp_path / name, weights)
        builders.save_checkpoint(tmp_path / "checkpoints" / name, weights)
    state = torch_generators.make_dcgan().state
    torch_files.save_archive(tmp_path / "netG.pth", state)
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "portrait.png")
    (tmp_path / "pictures").mkdir()
    shutil.copy(tmp_path / "portrait.png", tmp_path / "pictures")
    return tmp_path


@pytest.mark.slow
@pytest.mark.parametrize(
    "page",
    ["README.md", "CONTRIBUTING.md", pytest.param("docs/guide.md", marks=pytest.mark.nightly)],
)
def test_the_blocks_of_a_page_run_in_their_order(page, folder):
    names: dict[str, object] = {}
    for language, block in list_blocks(page):
        if language == "console":
            for line in list_commands(block):
                if not find_reason(line):
                    run_ganinv(folder, *make_quick(line))
        elif language == "python":
            with contextlib.chdir(folder):
                exec(compile(block, page, "exec"), names)


@pytest.mark.nightly
@pytest.mark.parametrize("name", list_shipped("config"))
def test_a_shipped_config_runs(name, folder):
    command = next((CONFIG_COMMANDS[key] for key in CONFIG_COMMANDS if key in name), "recover")
    images = ("--image", "portrait.png") if command == "consistency" else ()
    quick = ("--trials", 1, "--budget", BUDGET, "--out", f"config-{name}.h5")
    run_ganinv(folder, command, *images, "--config", name, *quick)


@pytest.mark.parametrize("page", ALL_PAGES)
def test_every_option_on_a_page_exists(page):
    """Blocks of all pages, and commands in the text."""
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = [line for language, block in list_blocks(page) for line in list_commands(block)]
    spans = re.findall(r"`(ganinv [^`]+)`", BLOCK.sub("", text))
    for line in [*blocks, *(" ".join(span.split()) for span in spans)]:
        words = shlex.split(line, comments=True)
        if words[:1] == ["ganinv"] and words[1:] and not words[1].startswith("-"):
            options = {word.partition("=")[0] for word in words if word.startswith("--")}
            assert options <= list_options(words[1], words[2:]), line


def list_blocks(page: str) -> list[tuple[str, str]]:
    """Language and text of each block of a page."""
    return BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))


def list_commands(block: str) -> Iterator[str]:
    """Yield the lines that are typed, without the prompt; a line may go on after a backslash."""
    for line in block.replace("\\\n", " ").splitlines():
        if line.startswith("$ "):
            yield line.removeprefix("$ ").strip()


def find_reason(line: str) -> str | None:
    return next((start for start in NOT_RUN if line.startswith(start)), None)


def make_quick(line: str) -> list[str]:
    """Return the arguments of a command line for a quick run."""
    name, command, *arguments = shlex.split(line, comments=True)
    assert name == "ganinv", f"{line}: run it, or give a reason in NOT_RUN"
    if command not in QUICK:
        return [command, *arguments]
    if "--trials" in arguments:
        arguments[arguments.index("--trials") + 1] = str(QUICK[command])
    else:
        arguments += ["--trials", str(QUICK[command])]
    return [command, *arguments, "--overwrite", "--budget", str(BUDGET)]


def list_options(name: str, arguments: list[str]) -> set[str]:
    context = click.Context(main)
    command = main.get_command(context, name)
    if isinstance(command, click.Group) and arguments:
        command = command.get_command(context, arguments[0])
    assert command, f"there is no command {name}"
    return {
        option
        for each in command.get_params(context)
        for option in (*each.opts, *each.secondary_opts)
    }
