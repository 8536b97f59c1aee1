"""Write the pages of docs/, or parts of them, that come from the code.

With `--check`, write nothing; print how a page differs and exit 1 when one does.
"""

import difflib
import sys
from collections.abc import Callable
from pathlib import Path

import click

from ganinv_cli.cli import main
from ganinv_cli.store.document import up_to_date

DOCS = Path(__file__).parent
WIDTH = 88  # columns of --help


def command_line(_: str) -> str:
    """What every command's --help says."""
    settings = {**main.context_settings, "terminal_width": WIDTH, "max_content_width": WIDTH}
    context = click.Context(main, info_name="ganinv", **settings)
    parts = [
        "# The command line",
        "What each command's `--help` says; `make docs` writes this page.",
        _help(context),
    ]
    for name in main.list_commands(context):
        command = main.get_command(context, name)
        assert command, name
        parts += [f"## ganinv {name}", _help(click.Context(command, context, info_name=name))]
    return "\n\n".join(parts) + "\n"


def _help(context: click.Context) -> str:
    return f"```text\n{context.get_help()}\n```"


def measured(text: str) -> str:
    """A page with its blocks of docs/recover/, what `ganinv recover --trials 1000` wrote."""
    table = (DOCS / "recover" / "table1.txt").read_text(encoding="utf-8").split("\n\n")
    titles = ("The paper's Table 1", "none", "standard", "stochastic")
    shown = [part for part in table if part.startswith((*titles, "What a trial cost"))]
    rows = (DOCS / "recover" / "table1.md").read_text(encoding="utf-8").split("\n\n")
    blocks = {
        "terminal": "```text\n" + "\n\n".join(shown) + "\n```",
        "first": rows[1],
        "restarts": rows[3],
        "costs": rows[9],
    }
    for name, block in blocks.items():
        head, start, rest = text.partition(f"<!-- {name}: generated -->\n")
        if start:
            text = f"{head}{start}\n{block}\n\n<!-- end -->{rest.partition('<!-- end -->')[2]}"
    return text


# From what a page says to what it should say.
PAGES: dict[str, Callable[[str], str]] = {
    "cli.md": command_line,
    "results-format.md": up_to_date,
    "reproduction.md": measured,
    "../README.md": measured,
}


def _generate(check: bool) -> None:
    for name, should_say in PAGES.items():
        path = DOCS / name
        says = path.read_text(encoding="utf-8") if path.exists() else ""
        text = should_say(says)
        if check and text != says:
            before, after = says.splitlines(keepends=True), text.splitlines(keepends=True)
            difference = "".join(difflib.unified_diff(before, after, f"docs/{name}", "the code"))
            sys.exit(f"{difference}docs/{name} is not what the code says; run `make docs`")
        if text != says:
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    _generate(check=sys.argv[1:] == ["--check"])
