"""A TOML file can hold anything: a config and the conventions beside a generator say what."""

import os
import tomllib
from pathlib import Path

import pytest

from ganinv_cli.errors import ConfigError
from ganinv_cli.formats.generator_toml import read_conventions
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.settings.conventions import Conventions
from ganinv_cli.settings.load import load
from ganinv_cli.settings.sharding import parse_shard
from ganinv_cli.settings.toml_file import MAX_BYTES

pytestmark = pytest.mark.timeout(20)

WRONG = {
    "brackets": (b"seed = " + b"[" * 100_000, "too many brackets"),
    "tables inside one another": (b"seed = " + b"{a=" * 1000, "too many brackets"),
    "5,000 digits": (b"seed = " + b"9" * 5000, "a number has too many digits"),
    "4,000 digits": (b"seed = -" + b"9" * 4000, "seed is beyond 9,223,372,036,854,775,807"),
    "31 digits": (b"seed = 1" + b"0" * 30, "seed is beyond"),
    "a key of many parts": (b"a." * 500_000 + b"a = 1", "a key has more than 32 parts"),
    "a quoted key": (b"[" + b'"a" . ' * 1000 + b"a]", "a key has more than 32 parts"),
    "a long key": (b"x" * 100_000 + b" = 1", "has a setting 'xxx"),
    "a long value": (b'seed = "' + b"x" * 100_000 + b'"', "seed = "),
    "lists inside one another": (b"seed = " + b"[" * 200 + b"]" * 200, "seed = [["),
    "a table in its place": (b"[seed]\na.b.c.d.e = 1", "seed = "),
    "a date": (b"seed = 2026-01-01", "seed = 2026-01-01 should be a whole number"),
    "infinity": (b"seed = 1e400", "seed = inf should be"),
    "NUL": (b"seed = 1\0", "is not TOML"),
    "Latin-1": ('prior = "caf\xe9"'.encode("latin-1"), "is not text in UTF-8"),
    "UTF-16": ("seed = 1".encode("utf-16"), "is not text in UTF-8"),
    "a megabyte more": (b"#" * (MAX_BYTES + 1), "it has more than 1,048,576 bytes"),
    "no TOML": (b"seed 1", "is not TOML: Expected"),
}
SETTINGS = {"config": b"seed", "conventions": b"labels"}  # of each, a whole number


def _read(kind: str, folder: Path, content: bytes) -> RecoverConfig | Conventions:
    path = folder / "generator.toml"
    path.write_bytes(content.replace(b"seed", SETTINGS[kind]))
    if kind == "config":
        return load(RecoverConfig, path, {})
    return read_conventions(folder, Conventions())[0]


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_file_is_refused_in_a_sentence(name: str, kind: str, tmp_path: Path) -> None:
    content, words = WRONG[name]
    with pytest.raises(ConfigError) as refused:
        _read(kind, tmp_path, content)
    sentence = str(refused.value)
    assert sentence.startswith(f"{tmp_path / 'generator.toml'}")
    assert words.replace("seed", SETTINGS[kind].decode()) in sentence
    assert len(sentence) < len(str(tmp_path)) + 600


@pytest.mark.parametrize("kind", SETTINGS)
def test_a_pipe_is_refused_rather_than_waited_for(kind: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "generator.toml")
    with pytest.raises(ConfigError, match=r"generator.toml cannot be read \(it is a pipe, not a"):
        if kind == "config":
            load(RecoverConfig, tmp_path / "generator.toml", {})
        else:
            read_conventions(tmp_path, Conventions())


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])  # Notepad writes a byte order mark
def test_windows_files_are_read(start: bytes, kind: str, tmp_path: Path) -> None:
    read = _read(kind, tmp_path, start + b"# sizes\r\nseed = 12\r\n")
    assert getattr(read, SETTINGS[kind].decode()) == 12


def test_a_key_may_have_some_parts_and_text_many_dots(tmp_path: Path) -> None:
    dots = ".".join("abc" for _ in range(20))
    config = _read("config", tmp_path, f'note = "{dots} ... {dots}"\nseed = 1'.encode())
    assert isinstance(config, RecoverConfig) and config.note.startswith("abc.abc")
    assert tomllib.loads((tmp_path / "generator.toml").read_text())["note"] == config.note


def test_a_name_may_be_so_long_that_no_toml_file_can_be_beside_it(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 254)
    path.touch()
    assert read_conventions(path, Conventions()) == (Conventions(), ())


def test_a_note_fits_on_a_page(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="note has 4,001 characters: give at most 4,000"):
        _read("config", tmp_path, b'note = "%s"' % (b"x" * 4001))


@pytest.mark.parametrize("shard", ["1/" + "9" * 5000, "²/4", "٤/4", "1/4\n", "0/4", "5/4", "1/"])
def test_a_wrong_shard_is_refused(shard: str) -> None:
    with pytest.raises(ConfigError, match="shard = "):
        parse_shard(shard)
