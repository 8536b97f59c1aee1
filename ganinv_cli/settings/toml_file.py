"""Read the TOML files that users write: configs, and conventions beside a generator."""

import errno
import re
import tomllib
from pathlib import Path
from typing import Any

from ganinv_cli.errors import ConfigError
from ganinv_cli.files.regular_file import read_regular_file

MAX_BYTES = 1 << 20
MAX_KEY_PARTS = 32  # of a key such as a.b.c; tomllib's time grows with their number squared
_LONG_KEY = re.compile(
    rf"""(?<![\w-])(?:(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.[ \t]*){{{MAX_KEY_PARTS}}}"""
)


def read_toml(path: Path) -> dict[str, Any]:
    """Return the settings and tables of a TOML file in UTF-8, with or without a byte order mark.

    Raises FileNotFoundError or NotADirectoryError if there is none, ConfigError if it is not TOML
    or cannot be read.
    """
    try:
        text = read_regular_file(path, MAX_BYTES).decode("utf-8-sig")
        if _LONG_KEY.search(text):
            raise ConfigError(_explain(path, f"a key has more than {MAX_KEY_PARTS} parts"))
        return tomllib.loads(text)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise FileNotFoundError(error.errno, error.strerror, str(path)) from None
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}); give a text file, and allow reading it"
        ) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not text in UTF-8; save it in UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_explain(path, error)) from None
    except RecursionError:
        raise ConfigError(_explain(path, "too many brackets inside one another")) from None
    except ValueError:  # from int()
        raise ConfigError(_explain(path, "a number has too many digits")) from None


def _explain(path: Path, reason: object) -> str:
    return f"{path} is not TOML: {reason}; correct the file"
