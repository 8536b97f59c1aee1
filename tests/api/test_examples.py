"""The examples of docs/api.md run, and print what they say."""

import doctest
import inspect
from pathlib import Path

import pytest

import ganinv_cli as ganinv

OBJECTS = [
    name for name in ganinv.__all__ if ">>>" in (inspect.getdoc(getattr(ganinv, name)) or "")
]


def test_the_functions_have_examples() -> None:
    assert {"load", "invert", "recover", "noise_sweep", "consistency", "open"} <= set(OBJECTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", OBJECTS)
def test_an_example_prints_what_it_says(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    text = inspect.getdoc(getattr(ganinv, name))
    test = doctest.DocTestParser().get_doctest(text or "", {"ganinv": ganinv}, name, None, 0)
    printed: list[str] = []
    doctest.DocTestRunner().run(test, out=printed.append)
    assert not printed, "".join(printed)
