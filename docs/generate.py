"""Write the pages of docs/, or parts of them, that come from the code.

With `--check`, write nothing; print how a page differs and exit 1 when one does.
"""

import difflib
import re
import sys
from collections.abc import Callable
from pathlib import Path

import click
from levels import draw_levels

from ganinv_cli.cli import main
from ganinv_cli.store.format_tables import update_tables

DOCS = Path(__file__).parent
_BLOCK = re.compile(r"(<!-- from (\S+): (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
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
        child = click.Context(command, context, info_name=name)
        parts += [f"## ganinv {name}", _help(child)]
        for part, nested in getattr(command, "commands", {}).items():
            parts += [
                f"### ganinv {name} {part}",
                _help(click.Context(nested, child, info_name=part)),
            ]
    return "\n\n".join(parts) + "\n"


def _help(context: click.Context) -> str:
    return f"```text\n{context.get_help()}\n```"


def measured(text: str) -> str:
    """A page with its blocks of what commands have measured written again.

    `<!-- from recover/table1.md: What a trial cost -->` is followed by that table of that file, as
    Markdown, or as the terminal shows it where the file is the text; several titles stand between
    bars.
    """
    return _BLOCK.sub(lambda block: f"{block[1]}\n{_block(*block.group(2, 3))}\n\n{block[4]}", text)


def _block(name: str, titles: str) -> str:
    file = DOCS / name
    headings = re.findall(r"^### (.+)$", file.with_suffix(".md").read_text(encoding="utf-8"), re.M)
    text = file.read_text(encoding="utf-8")
    shown = [_section(text, title.strip(), headings, file.suffix) for title in titles.split("|")]
    joined = "\n\n".join(shown)
    return joined if file.suffix == ".md" else f"```text\n{joined}\n```"


def _section(text: str, title: str, headings: list[str], suffix: str) -> str:
    """The table under a title, up to the next title or the notes."""
    start = "### " if suffix == ".md" else ""
    places = {heading: text.index(f"\n{start}{heading[:40]}" if i else f"{start}{heading[:40]}")
              for i, heading in enumerate(headings)}  # fmt: skip
    wanted = next(heading for heading in headings if heading.startswith(title))
    after = [place for place in places.values() if place > places[wanted]]
    notes = [
        match.start() for match in re.finditer(r"^(\* )?(Run:|Trials are missing)", text, re.M)
    ]
    part = text[places[wanted] : min((*after, *notes), default=len(text))].strip()
    return part if suffix == ".txt" else part.partition("\n")[2].strip()


# From what a page says to what it should say.
PAGES: dict[str, Callable[[str], str]] = {
    "architecture.svg": draw_levels,
    "cli.md": command_line,
    "results-format.md": update_tables,
    "reproduction.md": measured,
    "noise.md": measured,
    "consistency.md": measured,
    "invert.md": measured,
    "checkpoints.md": measured,
    "solvers.md": measured,
    "scaling.md": measured,
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
