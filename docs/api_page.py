"""Write docs/api.md: the names of the Python API, with their signatures and docstrings."""

import inspect
import re
import textwrap
from collections.abc import Iterator
from typing import Any

from griffe import Docstring, DocstringSectionKind, Parser

import ganinv_cli as ganinv
from ganinv_cli.api.experiments import OWN_SETTINGS
from ganinv_cli.errors import GaninvError
from ganinv_cli.experiments import list_experiments

FUNCTIONS = ("load", *(each.function for each in list_experiments()), "open")
CLASSES = ("LoadedGenerator", "Inversion", "RunResults")
INTERNAL = {
    "build",
    "configure",
    "make_builder",
    "select_images",
}  # methods that the commands use
WIDTH = 100  # columns of a signature
_LISTS = {
    DocstringSectionKind.parameters: "Arguments",
    DocstringSectionKind.attributes: "Attributes",
}
INTRODUCTION = """\
# The Python API

```python
import ganinv_cli as ganinv
```

This page describes each function of the package, from its docstring. [A tutorial](tutorial.ipynb)
goes from `load` to a figure. The functions give the same numbers as the commands. Every name is
stable: it changes only with a new major version. Importing `ganinv_cli` loads neither TensorFlow
nor NumPy.
"""


def describe_api(_: str = "") -> str:
    """Return the page."""
    errors = [
        f"| `{name}` | {error.exit_code} | {inspect.getdoc(error)} |"
        for name in sorted(ganinv.__all__)
        if inspect.isclass(error := getattr(ganinv, name)) and issubclass(error, GaninvError)
    ]
    parts = [INTRODUCTION.strip()]
    said: dict[str, str] = {}
    for name in FUNCTIONS:
        parts += _describe(f"ganinv.{name}", getattr(ganinv, name), 2, said)
    for name in CLASSES:
        parts += _describe_class(name, getattr(ganinv, name))
    parts += [
        "## Errors",
        "Each is one sentence: what happened, where, and what to do. A command prints it, and ends "
        "with the exit status.",
        "\n".join(["| error | exit status | means |", "|---|---|---|", *errors]),
    ]
    return "\n\n".join(parts) + "\n"


def _describe_class(name: str, described: type) -> Iterator[str]:
    """Yield the parts of a class: methods of one paragraph as a list, the others with headings."""
    yield f"## {name}"
    yield from _describe_sections(inspect.getdoc(described) or "")
    methods = {
        f"{name}.{method}" if method != "__call__" else "G": value
        for method, value in vars(described).items()
        if not method.startswith("_") or method == "__call__"
        if inspect.isfunction(value) and method not in INTERNAL
    }
    texts = {
        shown: list(_describe_sections(inspect.getdoc(methods[shown]) or "")) for shown in methods
    }
    short = [shown for shown, parts in texts.items() if len(parts) == 1]
    if short:
        items = (
            f"* `{_format_call(each, methods[each])}`: {' '.join(texts[each][0].split())}"
            for each in short
        )
        yield "**Methods**\n\n" + "\n".join(items)
    for shown in (each for each in methods if each not in short):
        yield from _describe(shown, methods[shown], 3)


def _describe(
    name: str, function: Any, level: int, said: dict[str, str] | None = None
) -> Iterator[str]:
    """Yield the parts of a function; `said` are the parts of others, with the first of these.

    If another function has an argument or a part alike, its name stands here.
    """
    call = _format_call(name, function)
    if len(call) <= WIDTH:
        yield f"{'#' * level} `{call}`"
    else:
        yield f"{'#' * level} {name}"
        indent = " " * (call.index("(") + 1)
        yield f"```text\n{textwrap.fill(call, WIDTH, subsequent_indent=indent)}\n```"
    sections = list(_describe_sections(inspect.getdoc(function) or ""))
    for section in sections:
        yield section if said is None else _shorten(section, name, said)


def _shorten(section: str, name: str, said: dict[str, str]) -> str:
    """Return a part of a function without what another function or page says."""
    title, _, items = section.partition("\n\n")
    if title == "**Arguments**":
        own = [item for item in items.splitlines() if item not in said]
        same = {said[item]: None for item in items.splitlines() if item in said}
        said |= dict.fromkeys(own, name)
        if same:
            places = " and ".join(f"`{each}`" for each in same)
            own.append(f"* {'the others' if own else 'all'}: as for {places}")
        return f"{title}\n\n" + "\n".join(own)
    before, settings, helps = section.partition(OWN_SETTINGS)
    if settings:
        names = ", ".join(re.findall(r"(`\w+`):\s", helps))
        return f"{before}{settings} {names} ([cli.md](cli.md))."
    place = said.setdefault(section, name)
    if place == name or not section.startswith(("**Returns**", "**Raises**")):
        return section
    return f"{section.partition(': ')[0]}: as for `{place}`"


def _format_call(name: str, function: Any) -> str:
    parameters = inspect.signature(function).parameters.values()
    arguments = _format_parameters([each for each in parameters if each.name != "self"])
    return f"{name}({', '.join(arguments)})"


def _format_parameters(parameters: list[inspect.Parameter]) -> Iterator[str]:
    """Yield name=default; types are in the code and in the text."""
    starred = False
    for each in parameters:
        if each.kind is each.KEYWORD_ONLY and not starred:
            starred = True
            yield "*"
        if each.kind is each.VAR_KEYWORD:
            yield f"**{each.name}"
        elif each.default is each.empty:
            yield each.name
        else:
            yield f"{each.name}={each.default!r}"


def _describe_sections(text: str) -> Iterator[str]:
    """Yield the paragraphs, lists and examples of a docstring as Markdown."""
    for section in Docstring(text).parse(Parser.google, warnings=False):
        if section.kind is DocstringSectionKind.text:
            yield section.value
        elif section.kind is DocstringSectionKind.examples:
            for kind, value in section.value:
                is_code = kind is DocstringSectionKind.examples
                yield f"```python\n{value}\n```" if is_code else value
        elif section.kind is DocstringSectionKind.returns:
            yield "**Returns**: " + " ".join(each.description for each in section.value)
        elif section.kind is DocstringSectionKind.raises:
            yield "**Raises**: " + " ".join(_format_items(section.value))
        elif section.kind in _LISTS:
            items = [f"* {item}" for item in _format_items(section.value)]
            yield f"**{_LISTS[section.kind]}**\n\n" + "\n".join(items)
        else:  # such as Source
            yield f"**{section.value.kind.capitalize()}**: {section.value.contents}"


def _format_items(items: list[Any]) -> Iterator[str]:
    for each in items:
        name = getattr(each, "name", None) or each.annotation
        yield f"`{name}`: {' '.join(each.description.split())}"
