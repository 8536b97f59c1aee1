"""Conventions in TOML files beside a generator's file."""

from dataclasses import replace
from pathlib import Path

from ganinv_cli.settings.conventions import CONVENTIONS, Conventions
from ganinv_cli.settings.load import check_settings, read_toml

FILE_NAME = "generator.toml"
_KNOWN = {name: each for name, each in CONVENTIONS.items() if name != "trust"}


def read_conventions(path: Path, conventions: Conventions) -> tuple[Conventions, tuple[str, ...]]:
    """Return the conventions, completed from TOML files, and the files that were used.

    `FILE.toml` is for that file or folder alone and comes first; `generator.toml` is for all files
    in its folder. `trust` is not read from files. Raises ConfigError.
    """
    used_files = []
    own_file = [path.with_name(f"{path.name}.toml")] if path.name else []  # "." and "/" have none
    for file in (*own_file, (path if path.is_dir() else path.parent) / FILE_NAME):
        settings = check_settings(file, read_toml(file), _KNOWN) if file.exists() else {}
        new_settings = {key: settings[key] for key in settings if not conventions.is_given(key)}
        conventions = replace(conventions, **new_settings)
        used_files += [str(file)] * bool(new_settings)
    return conventions, tuple(used_files)
