"""What users read is plain English: no phrase of a list that readers had to read twice."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from ganinv_cli.cli import main

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ganinv_cli"

PHRASES = (  # instead of them: what stands in the comment
    r"names every random number",  # seed for all random numbers
    r"\bon the cluster\.",  # number of Ray workers
    r"\bof these, as\b",  # padding of each convolution, e.g. 0,1,1,1
    r"beyond all use",  # a component of z exceeded 1000
    r"\bno z makes",  # an image outside the generator's range
    r"cannot be gone before",  # cannot be overridden
    r"\bfor who\b|\bwhoever\b|\bfor whom\b",  # only for files you trust
    r"\bmade level\b|\blevel loss\b",  # preconditioned
    r"\ba trial costs?\b",  # cost per trial
    r"how the trials ended",  # outcomes with restarts
    r"so many times one",  # speed-up, parallel efficiency
    r"thousand million",  # 10⁹
    r"\b(gradients|trials|updates|images|pictures|rows|starts|steps|seconds|redraws|passes) an? "
    r"(trial|second|row|start|picture|image|device|thread|step|CPU|core|update)\b",  # per
    r"\bwhere (that|there) (is|are|was|has)\b|\bwhere it is not\b",  # if
    r"\bof which (nothing|singular|the header)",  # a sentence of its own
    r"\btechniques?\b",  # clipping rule
    r"\bcreases?\b|\bhollow\b|\bon a slope\b",  # kink, minimum
    r"\bcrew\b|\bledger\b|\bno room\b|\bmake room\b|\bis room\b|\brooms\b",  # workers, capacity
    r"\bseats?\b|\bgreeted\b",  # slots
    r"\bnobody\b|\banybody\b",  # a sentence with a subject that exists
    r"\b(file|rule|trial|row|worker|solver|program|norm|network|run|generator|start|batch|loop)s? "
    r"(knows?|waits?|wants?|looks|asks|remembers?|greets?)\b",  # they are not persons
    r"\bwhere [^.;]{1,60}? (was|were) expected\b",  # 3 axes; at most 2 were expected
    r"\bdisk refuses\b|\bbut for rounding\b",  # cannot be written; up to rounding
    r"\bmake (it|them) anew\b|\bmade anew\b",  # create it again
    r"\b(has|have) no place\b|\bstands? where\b|\bmust say\b",  # does not fit, needs
    r"\bwhat (enters|precedes)\b",  # the input of, the operations before
    r"\bbe it\b|\bsuch as is\b|\bhad one of\b",  # if
)
KEYS = (  # words of files and of JSON, which programs read
    r"`technique`|\"technique\"|row\.technique|technique: str|technique=",
    r"endorsement by anybody",
)
FORBIDDEN = re.compile("|".join(PHRASES), re.IGNORECASE)
ALLOWED = re.compile("|".join(KEYS))
PAGES = [
    *(
        ROOT / name
        for name in (
            "README.md",
            "CONTRIBUTING.md",
            "SECURITY.md",
            "CHANGELOG.md",
            "checkpoints/README.md",
        )
    ),
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("configs/*.toml")),
]
MODULES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_has_a_phrase_of_the_list(page: Path) -> None:
    assert not find_phrases(page.read_text(encoding="utf-8"))


def test_no_text_of_the_package_has_a_phrase_of_the_list() -> None:
    """Docstrings, messages and tables, as far as they stand in one literal, and comments."""
    found = {
        f"{module.relative_to(ROOT)}:{line}": phrases
        for module in MODULES
        for line, text in list_texts(module)
        if (phrases := find_phrases(text))
    }
    assert not found


def test_no_help_text_has_a_phrase_of_the_list() -> None:
    found = {name: phrases for name, text in list_help(main) if (phrases := find_phrases(text))}
    assert not found


@pytest.mark.parametrize(
    "text",
    ["70 gradients a\ntrial", "Whoever trusts it", "an image that no z makes", "by technique"],
)
def test_a_phrase_is_found(text: str) -> None:
    assert find_phrases(text)


@pytest.mark.parametrize("text", ["70 gradients per trial", 'row["technique"]', "a trial"])
def test_plain_words_are_not(text: str) -> None:
    assert not find_phrases(text)


def find_phrases(text: str) -> list[str]:
    joined = " ".join(ALLOWED.sub("", text).split())  # a phrase may go over the end of a line
    return [match[0] for match in FORBIDDEN.finditer(joined)]


def list_texts(module: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each literal and comment; f-strings with {} for what they format."""
    source = module.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            parts = [part.value if isinstance(part, ast.Constant) else "{}" for part in node.values]
            yield node.lineno, "".join(map(str, parts))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.lineno, node.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def list_help(command: click.Command, name: str = "ganinv") -> Iterator[tuple[str, str]]:
    """Name and --help of a command and of all below it."""
    context = click.Context(command, info_name=name)
    yield name, command.get_help(context)
    if isinstance(command, click.Group):
        for part in command.list_commands(context):
            nested = command.get_command(context, part)
            assert nested
            yield from list_help(nested, f"{name} {part}")
