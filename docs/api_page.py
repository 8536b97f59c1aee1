"""Write docs/api.md: the names of the Python API, with their signatures and docstrings."""

import inspect
import re
from collections.abc import Iterator
from typing import Any

from griffe import Docstring, DocstringSectionKind, Parser

import ganinv_cli as ganinv
from ganinv_cli.errors import GaninvError

FUNCTIONS = ("load", "invert", "recover", "noise_sweep", "consistency", "open")
CLASSES = ("LoadedGenerator", "Inversion", "RunResults")
INTERNAL = {"build", "configure", "make_spec", "select_images"}  # methods that the commands use
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

The commands are written on these functions, so both give the same numbers. Importing `ganinv_cli`
loads neither TensorFlow nor NumPy. Every name on this page is stable: it changes only with a new
major version. The examples run in the tests. [A tutorial](tutorial.ipynb) goes from `load` to a
figure. `make docs` writes this page from the docstrings.
"""


def describe_api(_: str = "") -> str:
    """Return the page."""
    errors = [
        f"* `{name}` (exit status {error.exit_code} of a command): {inspect.getdoc(error)}"
        for name in sorted(ganinv.__all__)
        if inspect.isclass(error := getattr(ganinv, name)) and issubclass(error, GaninvError)
    ]
    parts = [INTRODUCTION.strip()]
    for name in FUNCTIONS:
        parts += _describe(f"ganinv.{name}", getattr(ganinv, name), 2)
    for name in CLASSES:
        parts += _describe_class(name, getattr(ganinv, name))
    parts += [
        "## Errors",
        "Each says in one sentence what happened, in which file or argument, and what to do.",
        "\n".join(errors),
    ]
    return "\n\n".join(parts) + "\n"


def _describe_class(name: str, described: type) -> Iterator[str]:
    yield f"## {name}"
    yield from _describe_sections(inspect.getdoc(described) or "")
    for method, value in vars(described).items():
        is_public = not method.startswith("_") or method == "__call__"
        if is_public and inspect.isfunction(value) and method not in INTERNAL:
            shown = f"{name}.{method}" if method != "__call__" else "G"
            yield from _describe(shown, value, 3)


def _describe(name: str, function: Any, level: int) -> Iterator[str]:
    signature = inspect.signature(function)
    kept = [each for each in signature.parameters.values() if each.name != "self"]
    arguments = ", ".join(_format_parameters(kept))
    call = f"{name}({arguments})"
    if len(call) <= WIDTH:
        yield f"{'#' * level} `{call}`"
    else:
        yield f"{'#' * level} {name}"
        yield f"```text\n{_wrap(call)}\n```"
    yield from _describe_sections(inspect.getdoc(function) or "")


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


def _wrap(call: str) -> str:
    """Break a long signature before the arguments that do not fit into the width."""
    lines, indent = [""], " " * (call.index("(") + 1)
    for word in re.split(r"(?<=,) ", call):
        if len(lines[-1]) + len(word) > WIDTH:
            lines.append(indent)
        lines[-1] += word if lines[-1] in ("", indent) else f" {word}"
    return "\n".join(lines)


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
