"""Say which installed packages have known vulnerabilities: `make audit`.

pip-audit asks PyPI about each package. If PyPI cannot be reached, or knows none of the packages,
one line says so and the exit status is 0; a known vulnerability makes it 1. One that has to be
accepted for a while stands in pyproject.toml:

    [[tool.audit.accepted]]
    id = "PYSEC-2027-1"
    until = 2027-03-01
    reason = "no release mends it; ganinv does not call the function"
"""

import datetime
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

PYPROJECT = Path(__file__).parent.parent / "pyproject.toml"
OPTIONS = (
    "--skip-editable", "--format", "json", "--aliases", "on", "--desc", "off",
    "--progress-spinner", "off", "--timeout", "5",
)  # fmt: skip
UNREACHABLE = re.compile(r"\b(Connection|Proxy|SSL|HTTP|Service|\w*Timeout)Error\b|may be blocking")


def main() -> int:
    accepted = tomllib.loads(PYPROJECT.read_text("utf-8"))["tool"].get("audit", {})
    options = list_accepted(accepted.get("accepted", ()), datetime.date.today())
    command = [sys.executable, "-m", "pip_audit", *OPTIONS, *options]
    audit = subprocess.run(command, capture_output=True, encoding="utf-8")
    status, text = summarize(audit.stdout, audit.stderr)
    sys.stdout.write(f"{text}\n")
    return status


def list_accepted(entries: Iterable[dict[str, Any]], today: datetime.date) -> list[str]:
    """Return pip-audit's options for the entries whose time is not over. Each has a reason."""
    return [
        option
        for entry in entries
        if entry["reason"] and entry["until"] >= today
        for option in ("--ignore-vuln", entry["id"])
    ]


def summarize(output: str, errors: str) -> tuple[int, str]:
    """Return the exit status and the text for what pip-audit printed on stdout and stderr."""
    if not output.strip():
        if UNREACHABLE.search(errors):
            return 0, "Known vulnerabilities: not checked, because PyPI cannot be reached."
        return 1, f"Known vulnerabilities: pip-audit failed.\n{errors.strip()}"
    packages = json.loads(output)["dependencies"]
    checked = [package for package in packages if "skip_reason" not in package]
    if not checked:
        return 0, "Known vulnerabilities: not checked, because PyPI's answers are not available."
    found = [_describe(package, each) for package in checked for each in package["vulns"]]
    count = f"{len(checked)} of {len(packages)} packages checked"
    return bool(found), "\n".join([f"Known vulnerabilities: {len(found)}, {count}.", *found])


def _describe(package: dict[str, Any], vulnerability: dict[str, Any]) -> str:
    versions = " or ".join(vulnerability["fix_versions"])
    advice = f"install {versions}" if versions else "no version mends it yet"
    names = ", ".join([vulnerability["id"], *vulnerability["aliases"]])
    return f"{package['name']} {package['version']}: {names}; {advice}"


if __name__ == "__main__":
    sys.exit(main())
