"""Write ganinv_cli/api/functions.pyi: the experiments' functions, with their settings' types."""

import subprocess
import sys
from collections.abc import Iterator

from ganinv_cli.experiments import list_experiments
from ganinv_cli.experiments.experiment import Experiment
from ganinv_cli.settings.config import Config
from ganinv_cli.settings.declare import Setting, list_settings
from ganinv_cli.settings.names import SOLVERS

HEAD = '''"""Written by docs/generate.py from the declarations of the experiments."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypedDict, Unpack

from numpy.typing import NDArray

from ganinv_cli.api.experiments import GeneratorLike
from ganinv_cli.api.results import Inversion, RunResults
from ganinv_cli.progress import Reporter
'''
FUNCTION = """
def {name}(
    {arguments},
    *,
    config: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool | Reporter = False,
    **settings: Unpack[{keywords}],
) -> {result}: ...
"""


def describe_types(_: str = "") -> str:
    """Return the file."""
    experiments = list_experiments()
    common = _list_keywords(Config) | dict.fromkeys(SOLVERS, "dict[str, Any]")
    parts = [HEAD, f"__all__ = {sorted(each.function for each in experiments)}"]
    parts += _write_keywords("_Settings", "TypedDict", common)
    for each in experiments:
        own = _list_keywords(each.config)
        name = f"_{each.config.__name__.replace('Config', 'Settings')}"
        added = {key: own[key] for key in own if key not in common}
        parts += _write_keywords(name, "_Settings", added)
        parts.append(_write_function(each, name))
    command = [sys.executable, "-m", "ruff", "format", "--stdin-filename", "functions.pyi", "-"]
    text = "\n".join(parts)
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


def _list_keywords(kind: type[Config]) -> dict[str, str]:
    """Return the type of each keyword as it stands in the code."""
    return {
        name: _write_type(each)
        for each in list_settings(kind).values()
        for name in filter(None, (each.name, each.synonym))
    }


def _write_type(setting: Setting) -> str:
    if setting.type.choices:
        return f"Literal{list(setting.type.choices)}"
    kind = setting.type.kinds[0].__name__
    if not setting.type.is_list:
        return f"{kind} | None" if setting.default is None else kind
    if kind == "str":
        return f"str | Sequence[{kind}]" if setting.name == "clip" else f"Sequence[{kind}]"
    return f"NDArray[Any] | Sequence[{kind}]"


def _write_keywords(name: str, base: str, keywords: dict[str, str]) -> Iterator[str]:
    yield f"class {name}({base}, total=False):"
    yield from (f"    {key}: {keywords[key]}" for key in keywords)
    if not keywords:
        yield "    pass"


def _write_function(experiment: Experiment, keywords: str) -> str:
    has_images = experiment.has_images
    return FUNCTION.format(
        name=experiment.function,
        arguments="generator: GeneratorLike, images: Any"
        if has_images
        else "generator: GeneratorLike = None",
        keywords=keywords,
        result="Inversion" if experiment.inverts else "RunResults",
    )
