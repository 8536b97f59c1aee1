"""Write the pages of docs/, or parts of them, that come from the code.

With `--check`, write nothing; print how a page differs and exit 1 when one does.
"""

import difflib
import re
import sys
import textwrap
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # this checkout, whatever is installed
from api_page import describe_api
from api_types import describe_types
from cli_page import WIDTH, describe_commands
from columns_page import update_tables

from ganinv_cli.experiments import list_experiments
from ganinv_cli.experiments.summary import summarize
from ganinv_cli.generators.formats import FORMATS
from ganinv_cli.results.report import render_brief
from ganinv_cli.results.store import read_results
from ganinv_cli.settings.declare import list_settings

DOCS = Path(__file__).parent
_BLOCK = re.compile(r"(<!-- from (\S+): (.+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill_blocks(text: str) -> str:
    """Return a page with its blocks filled again from the files that they name.

    `<!-- from recover/table1.md: Cost per trial -->` is followed by that table of that file, as
    Markdown; if the file is text, as the terminal shows it. Several titles stand between bars. A
    text without Markdown beside it is shown from the title on (`verdict to file`: up to the second
    word), a results file as the command that wrote it ends, `../configs` as a list of its configs,
    the folder of the experiments as a table of these, and that of the formats as a sentence.
    """
    return _BLOCK.sub(lambda block: f"{block[1]}\n{_block(*block.group(2, 3))}\n\n{block[4]}", text)


def _block(name: str, titles: str) -> str:
    path = DOCS / name
    if path.is_dir():
        makers = {"experiments": _list_experiments, "formats": _list_formats}
        return makers[path.name]() if path.name in makers else _list_configs(path)
    if path.suffix == ".h5":
        report = summarize(read_results(path), path.name)
        return f"```text\n{render_brief(report, f'{path.stem}/').strip()}\n```"
    text = path.read_text(encoding="utf-8")
    page = path.with_suffix(".md")
    if not page.exists():
        first, _, last = titles.partition(" to ")
        end = text.index(last) if last else len(text)
        return f"```text\n{text[text.index(first) : end].strip()}\n```"
    headings = re.findall(r"^### (.+)$", page.read_text(encoding="utf-8"), re.M)
    shown = [_section(text, title.strip(), headings, path.suffix) for title in titles.split("|")]
    joined = "\n\n".join(shown)
    return joined if path.suffix == ".md" else f"```text\n{joined}\n```"


def _list_experiments() -> str:
    """Return a table of the commands of the experiments."""
    lines = ["| command | does | writes |", "|---|---|---|"]
    for each in list_experiments():
        arguments = [setting.argument for setting in list_settings(each.config).values()]
        call = " ".join(["ganinv", each.command, *filter(None, arguments)])
        sentence = (each.help or "").partition(".\n")[0]
        folder = f"`{each.results_file}`, folder `{each.command}/`"
        lines.append(f"| `{call}` | {sentence} | {folder} |")
    return "\n".join(lines)


def _list_formats() -> str:
    """Return a sentence with the formats of files of generators."""
    *titles, last = (form.title for form in FORMATS)
    return textwrap.fill(f"A generator is read from {', '.join(titles)} or {last}.", WIDTH)


def _list_configs(folder: Path) -> str:
    """Return a list of the configs of a folder, with the comment at the head of each."""
    items = []
    for path in sorted(folder.glob("*.toml")):
        lines = path.read_text(encoding="utf-8").splitlines()
        comment = takewhile(lambda line: line.startswith("#"), lines)
        items.append(f"* `{path.stem}`: {' '.join(line.strip('# ') for line in comment)}")
    return "\n".join(textwrap.fill(item, WIDTH, subsequent_indent="  ") for item in items)


def _section(text: str, title: str, headings: list[str], suffix: str) -> str:
    """The table under a title, up to the next title or the notes."""
    start = "### " if suffix == ".md" else ""
    places = {heading: text.index(f"\n{start}{heading[:40]}" if i else f"{start}{heading[:40]}")
              for i, heading in enumerate(headings)}  # fmt: skip
    wanted = next(heading for heading in headings if heading.startswith(title))
    after = [place for place in places.values() if place > places[wanted]]
    notes = [match.start() for match in re.finditer(r"^(\* )?Run:", text, re.M)]
    part = text[places[wanted] : min((*after, *notes), default=len(text))].strip()
    return part if suffix == ".txt" else part.partition("\n")[2].strip()


# From what a page says to what it should say.
PAGES: dict[str, Callable[[str], str]] = {
    "api.md": describe_api,
    "../ganinv_cli/api/functions.pyi": describe_types,
    "cli.md": describe_commands,
    "results-format.md": update_tables,
    "guide.md": fill_blocks,
    "reproduction.md": fill_blocks,
    "reproduction/descent.md": fill_blocks,
    "invert.md": fill_blocks,
    "checkpoints.md": fill_blocks,
    "checkpoints-statistics.md": fill_blocks,
    "solvers.md": fill_blocks,
    "scaling.md": fill_blocks,
    "reliability.md": fill_blocks,
    "../README.md": fill_blocks,
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
