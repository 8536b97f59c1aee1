"""Check a results file against the schema and its own config, once, when it is opened."""

import functools
import json
import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

import h5py

from ganinv_cli.clipping import RULES
from ganinv_cli.errors import ConfigError
from ganinv_cli.files.hdf5 import Arrays, Hdf5Error, list_attributes
from ganinv_cli.limits import MAX_SEED
from ganinv_cli.settings.config import (
    Config,
    ConsistencyConfig,
    InvertConfig,
    NoiseSweepConfig,
    RecoverConfig,
)
from ganinv_cli.settings.load import check_stored_settings, check_type
from ganinv_cli.store import provenance
from ganinv_cli.store.schema import Layout
from ganinv_cli.store.stored_layout import check_layout

MAX_DEPTH = 20  # of nested lists and tables
MAX_IMAGES = 1_000_000  # of a run
MAX_TEXT = 1 << 26  # characters of an attribute: names of groups, or of image files
MAX_WORD = 1000  # characters of an attribute that is not JSON
MAX_SHOWN = 80  # characters of a wrong value in an error
_PRECISIONS = ("float32", "mixed")  # of the gradients
_COMMANDS: Mapping[str, type[Config]] = {
    "recover": RecoverConfig,
    "noise-sweep": NoiseSweepConfig,
    "consistency": ConsistencyConfig,
    "invert": InvertConfig,
}
_HASHES = ("images_sha256", "mask_sha256", "encoder_sha256")
_EXAMPLES: Mapping[str, Mapping[str, Any]] = {  # table of a config -> a value of each type in it
    "gd": {"rate": 1.0, "learning_rate": 1.0, "halve_every": 0, "precision": "float64"},
    "polish": {"radius": 0.01, "level": 0.1, "explained": 1e-6, "precision": "float64"},
}
_NUMBERS = ("schema", "seed")
_WORDS = ("command", "checkpoint_sha256", "device", "precision", "started", "finished", "git")
_TABLES = ("config", "identity", "versions", "generator")
_LISTS = ("groups", "figures")
_OPTIONAL = {"precision", "generator"}
_CASE = r"image=\d{1,9}|(?!image=)[a-z]+=[A-Za-z0-9.+-]+"
_RULE = "|".join(map(re.escape, RULES))
_NAMES = {  # attribute -> the names that it may list
    "groups": re.compile(rf"|({_RULE})|({_CASE})(/({_RULE}))?(/certificate)?", re.ASCII),
    "figures": re.compile(r"[A-Za-z0-9][A-Za-z0-9=.+-]{0,99}"),
}


class OpenResults(NamedTuple):
    """A results file, or a part, that is open for reading and was checked."""

    file: h5py.File
    attributes: dict[str, Any]  # of "/", decoded
    layout: Layout  # of the columns that it has


def check_results(file: h5py.File, arrays: Arrays) -> OpenResults:
    """Check what a file and its arrays are, and return it with its attributes and layout.

    No value of a column is read. Raises Hdf5Error if it does not fit the schema, or its own config.
    """
    attributes = _read_attributes(file)
    return OpenResults(file, attributes, check_layout(file, arrays, attributes))


def read_schema(file: h5py.File) -> int:
    """Return the version of the schema that a file has. Raises Hdf5Error if it is no number."""
    return _read_number(file.attrs, "schema")


def _read_attributes(file: h5py.File) -> dict[str, Any]:
    stored = set(list_attributes(file))
    expected = (*_NUMBERS, *_WORDS, *_TABLES, *_LISTS)
    if missing := set(expected) - _OPTIONAL - stored:
        raise Hdf5Error(f"attribute {min(missing)} is missing")
    raw = {
        name: _read_number(file.attrs, name)
        if name in _NUMBERS
        else _read_text(file.attrs, name, MAX_WORD if name in _WORDS else MAX_TEXT)
        for name in expected
        if name in stored
    }
    _check_tables(*(str(raw.get(name, "null")) for name in ("command", *_TABLES)))
    _check_times(str(raw["started"]), str(raw["finished"]))
    if raw.get("precision", "float32") not in _PRECISIONS:
        raise Hdf5Error("attribute precision is neither float32 nor mixed")
    for name in _LISTS:
        _check_names(name, _parse_json(name, str(raw[name])))
    return provenance.decode_attributes(raw)


def _read_number(attributes: h5py.AttributeManager, name: str) -> int:
    stored = attributes.get_id(name)
    if stored.shape != () or stored.dtype.kind not in "iu":
        raise Hdf5Error(f"attribute {name} is not a whole number")
    number = int(attributes[name])
    if not 0 <= number <= MAX_SEED:
        raise Hdf5Error(f"attribute {name} is {number}, and should be 0 to {MAX_SEED}")
    return number


def _read_text(attributes: h5py.AttributeManager, name: str, most: int) -> str:
    stored = attributes.get_id(name)
    if stored.shape != () or h5py.check_string_dtype(stored.dtype) is None:
        raise Hdf5Error(f"attribute {name} is not a text")
    if stored.dtype.itemsize > most:
        raise Hdf5Error(f"attribute {name} is too long")
    value = attributes[name]
    try:
        text = value.decode() if isinstance(value, bytes) else str(value)
        text.encode()
    except UnicodeError:
        raise Hdf5Error(f"attribute {name} is not UTF-8") from None
    if len(text) > most:
        raise Hdf5Error(f"attribute {name} is too long")
    return text


@functools.lru_cache(maxsize=16)  # the parts of a run have the same ones
def _check_tables(command: str, config: str, identity: str, versions: str, generator: str) -> None:
    """Check attributes that are tables in JSON."""
    texts = {"config": config, "identity": identity, "versions": versions, "generator": generator}
    tables = {name: _parse_json(name, text) for name, text in texts.items()}
    for name, table in tables.items():
        if not isinstance(table, dict) and (name, table) != ("generator", None):
            raise Hdf5Error(f"attribute {name} is no table")
    for name in ("config", "identity"):  # identity has those of the config that decide the results
        settings = tables["config"] | tables[name]
        try:
            check_stored_settings(_COMMANDS.get(command, Config), settings)
            _check_derived(settings)
        except ConfigError as error:
            raise Hdf5Error(f"its {name} does not fit this ganinv: {error}") from None
    if not all(isinstance(version, str) for version in tables["versions"].values()):
        raise Hdf5Error("attribute versions has a version that is no text")
    doubt = (tables["generator"] or {}).get("doubt")
    if not isinstance(doubt, str | None):
        raise Hdf5Error("attribute generator has a doubt that is no text")


def _check_derived(settings: Mapping[str, Any]) -> None:
    """Raise ConfigError for a wrong value of a key that follows from settings, or of a solver."""
    for name in _HASHES:
        check_type(name, settings.get(name, ""), "ab")
    check_type("images", settings.get("images", 0), 1)
    if not 0 <= settings.get("images", 0) <= MAX_IMAGES:
        raise ConfigError(f"images = {settings['images']} should be 0 to {MAX_IMAGES:,}")
    polish = settings.get("polish")
    if isinstance(polish, dict) and polish and not {"radius", "level"} <= polish.keys():
        raise ConfigError("polish should have radius and level")
    for table, examples in _EXAMPLES.items():
        values = settings.get(table)
        for name, value in values.items() if isinstance(values, dict) else ():
            if name in examples:
                check_type(f"{table}.{name}", value, examples[name])


def _check_times(started: str, finished: str) -> None:
    for name, time in (("started", started), ("finished", finished)):
        try:
            known = not time or datetime.fromisoformat(time).tzinfo is not None
        except ValueError:
            known = False
        if not known or (name == "started" and not time):
            raise Hdf5Error(f"attribute {name} is {_shorten(time)}, not a time with its zone")


def _check_names(attribute: str, names: Any) -> None:
    """Check the names of groups or figures: they name files, and stand in legends."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Hdf5Error(f"attribute {attribute} is not a list of names")
    if len(set(names)) != len(names):
        raise Hdf5Error(f"attribute {attribute} has a name twice")
    for name in names:
        if not _NAMES[attribute].fullmatch(name):
            raise Hdf5Error(
                f"attribute {attribute} lists {_shorten(name)}, no name that ganinv gives"
            )


def _parse_json(name: str, text: str) -> Any:
    try:
        value = json.loads(text, parse_constant=_refuse_constant, parse_float=_parse_float)
    except (ValueError, RecursionError):
        raise Hdf5Error(f"attribute {name} is not JSON of finite numbers") from None
    if _measure_depth(value, MAX_DEPTH) > MAX_DEPTH:
        raise Hdf5Error(f"attribute {name} has lists or tables that are nested too deeply")
    return value


def _parse_float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _refuse_constant(text: str) -> None:
    raise ValueError(text)


def _measure_depth(value: Any, most: int) -> int:
    """Return how deeply lists and tables of a value are nested, up to one more than `most`."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    if not inner or most < 0:
        return int(isinstance(value, dict | list))
    return 1 + max(_measure_depth(each, most - 1) for each in inner)


def _shorten(text: str) -> str:
    return repr(text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…")
