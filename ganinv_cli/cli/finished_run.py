"""Whether a command has finished already: found from its files' bytes, without TensorFlow."""

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from ganinv_cli.errors import ResultsError
from ganinv_cli.generators import formats
from ganinv_cli.results.store import read_results
from ganinv_cli.results.store.read import list_log_files
from ganinv_cli.settings.config import Config, ImagesConfig
from ganinv_cli.settings.declare import list_settings
from ganinv_cli.settings.shipped import find


def is_finished(file: Path, inputs_sha256: str) -> bool:
    """Return whether a results file has the whole run of a command of these inputs.

    A run that was killed while it removed its log and saved batches has not finished.
    """
    if not inputs_sha256:
        return False
    with suppress(ResultsError):  # there is none, or it is damaged: the run says so
        results = read_results(file)
        is_same = results.attributes.get("inputs_sha256") == inputs_sha256
        return results.complete and is_same and not list_log_files(file)
    return False


def hash_inputs(config: Config) -> str:
    """Return a hash of all settings, of this version, and of the bytes of the generator's files.

    It is empty if more may decide the results: images, an encoder, or what a Python file imports.
    """
    path = find("checkpoint", config.checkpoint)
    files = formats.list_files(path)
    if (
        not files
        or isinstance(config, ImagesConfig)
        or config.start != "random"
        or config.encoder
        or config.latents
    ):
        return ""
    conventions, _ = formats.read_conventions(path, config.conventions)
    declared = list_settings(type(config)).values()
    shown = {each.name for each in declared if each.resume == "shown"}
    settings = {name: value for name, value in asdict(config).items() if name not in shown}
    known = version("ganinv"), type(config).__name__, settings, asdict(conventions)
    total = hashlib.sha256(json.dumps(known, sort_keys=True).encode())
    for each in files:
        with each.open("rb") as stream:
            total.update(hashlib.file_digest(stream, "sha256").digest())
    return total.hexdigest()
