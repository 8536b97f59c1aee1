"""requirements-dev.txt pins what pyproject.toml asks for, on each Python and any machine."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
LOCK = (ROOT / "requirements-dev.txt").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
DIRECT = [
    Requirement(text)
    for text in (*PROJECT["project"]["dependencies"], *PROJECT["dependency-groups"]["dev"])
]
# A pin is one line, and each line after it is a hash or a comment.
PINS = [Requirement(line.rstrip(" \\")) for line in re.findall(r"^\w.+", LOCK, re.MULTILINE)]
ON_LINUX = {"sys_platform": "linux", "platform_python_implementation": "CPython"}


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_each_direct_dependency_has_one_version_that_fits(python):
    environment = {
        **ON_LINUX,
        "python_version": python,
        "python_full_version": f"{python}.5",
        "implementation_name": "cpython",
    }
    pins = [pin for pin in PINS if not pin.marker or pin.marker.evaluate(environment)]
    versions = {}
    for pin in pins:
        versions.setdefault(canonicalize_name(pin.name), []).append(str(pin.specifier)[2:])
    for wanted in DIRECT:
        (version,) = versions[canonicalize_name(wanted.name)]
        assert wanted.specifier.contains(version), f"{wanted} is pinned to {version}; make lock"


def test_the_lock_names_no_place():
    """Neither a folder of the machine that made it nor the address of an index."""
    assert not re.findall(r"^.*(?:://|@|(?<![\w.])/|--(?!hash=)\w).*$", LOCK, re.MULTILINE)
