"""Write docs/cli.md: every command with its options; an option of several commands once."""

import re
import textwrap
from collections.abc import Iterator

import click

from ganinv_cli.cli import main
from ganinv_cli.cli.command import GroupedCommand

WIDTH = 140  # columns of the page
UNLISTED = {"-h", "--help-all", "-q", "-v"}  # described at the head of the page
VERBATIM = "\b\n"  # before lines that click does not wrap
INTRODUCTION = """\
# The command line

All options of each command, as `--help-all` prints them. `make docs` writes this page. Options that
several commands have follow [at the end](#options-of-several-commands), each once.

Some options are not listed. `-h` or `--help` explains a command and the options most people need.
`--help-all` explains all its options. Most commands have `-q` to print less and `-v` to print more.
`ganinv -V` prints the version.

The shell can complete commands, options, their values and files. Put one line into its start-up
file, and open a new terminal:

* bash 4.4 or later, `~/.bashrc`: `eval "$(_GANINV_COMPLETE=bash_source ganinv)"`
* zsh, `~/.zshrc`, after `compinit`: `eval "$(_GANINV_COMPLETE=zsh_source ganinv)"`
* fish, `~/.config/fish/completions/ganinv.fish`: `_GANINV_COMPLETE=fish_source ganinv | source`"""

Record = tuple[str, str]  # an option as a user types it, and its description


def describe_commands(_: str = "") -> str:
    """Return the page."""
    root = click.Context(main, info_name="ganinv", **main.context_settings)
    contexts = dict(_list_contexts(root))
    owners: dict[Record, list[str]] = {}
    for name, context in contexts.items():
        for record in _list_options(context):
            owners.setdefault(record, []).append(name)
    parts = [INTRODUCTION]
    for name, context in contexts.items():
        parts += _describe(name, context)
        own = [record for record in _list_options(context) if owners[record] == [name]]
        parts += _format(own)
    return "\n\n".join([*parts, *_describe_shared(owners)]) + "\n"


def _describe_shared(owners: dict[Record, list[str]]) -> Iterator[str]:
    """Yield the options of several commands, those of the same commands together."""
    yield "## Options of several commands"
    shared: dict[tuple[str, ...], list[Record]] = {}
    for record, names in owners.items():
        if len(names) > 1:
            shared.setdefault(tuple(names), []).append(record)
    for commands, records in sorted(shared.items(), key=lambda each: -len(each[0])):
        yield f"**{', '.join(commands)}**"
        yield from _format(sorted(records))


def _list_contexts(context: click.Context) -> Iterator[tuple[str, click.Context]]:
    """Yield the name of each command of a group, and its context."""
    group = context.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command, name
        yield name, click.Context(command, context, info_name=name)


def _list_options(context: click.Context) -> list[Record]:
    """List the options of a command."""
    parameters = context.command.get_params(context)
    records = [
        record
        for each in parameters
        if isinstance(each, click.Option) and not UNLISTED.intersection(each.opts)
        if (record := each.get_help_record(context))
    ]
    return [(names, " ".join(text.split())) for names, text in records]


def _describe(name: str, context: click.Context) -> Iterator[str]:
    """Yield the heading and the paragraphs of a command's help."""
    command = context.command
    arguments = command.collect_usage_pieces(context)[1:]  # without [OPTIONS]
    yield " ".join(["## ganinv", name, *arguments])
    assert isinstance(command, GroupedCommand)
    for paragraph in command.description.split("\n\n"):
        if paragraph.startswith(VERBATIM):
            lines = re.sub(r"^Examples?:\n", "", paragraph.removeprefix(VERBATIM))
            yield f"```text\n{textwrap.dedent(lines)}\n```"
        else:
            yield textwrap.fill(" ".join(paragraph.split()), WIDTH, break_on_hyphens=False)


def _format(records: list[Record]) -> list[str]:
    """Return a list of options, or nothing if there are none."""
    items = [
        textwrap.fill(f"* `{names}`: {text}", WIDTH, subsequent_indent="  ", break_on_hyphens=False)
        for names, text in records
    ]
    return ["\n".join(items)] if items else []
