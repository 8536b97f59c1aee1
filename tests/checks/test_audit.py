"""A known vulnerability ends the check with its remedy; a service that does not answer does not."""

import datetime
import json

import pytest

from checks.audit import list_accepted, summarize

SOUND = {"name": "click", "version": "8.5.1", "vulns": []}
UNKNOWN = {"name": "ganinv", "skip_reason": "distribution marked as editable"}
MENDED = {"id": "PYSEC-2027-1", "fix_versions": ["13.0.1", "14.0"], "aliases": ["CVE-2027-5"]}
# The last lines of what pip-audit 2.10 printed: without a network, behind a proxy that does not
# answer, and when the service answered with status 503.
UNREACHABLE = (
    "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='x'): Max retries exceeded",
    "ERROR:pip_audit._cli:Tip: your network may be blocking this service. Try another service",
    "pip_audit._service.interface.ServiceError",
)


def test_a_vulnerability_is_named_with_the_versions_that_mend_it():
    status, text = _summarize(SOUND, {"name": "pillow", "version": "13.0.0", "vulns": [MENDED]})
    assert status == 1
    assert "pillow 13.0.0: PYSEC-2027-1, CVE-2027-5; install 13.0.1 or 14.0" in text


def test_sound_packages_pass_and_are_counted():
    status, text = _summarize(SOUND, UNKNOWN)
    assert (status, text) == (0, "Known vulnerabilities: 0, 1 of 2 packages checked.")


@pytest.mark.parametrize("errors", UNREACHABLE)
def test_a_service_that_cannot_be_reached_is_one_line(errors):
    status, text = summarize("", f"Traceback (most recent call last):\n  …\n{errors}\n")
    assert (status, len(text.splitlines())) == (0, 1)
    assert "not checked" in text


def test_a_tool_that_fails_is_not_taken_for_a_missing_network():
    status, text = summarize("", "No module named pip_audit\n")
    assert status == 1
    assert "No module named pip_audit" in text


def test_what_is_accepted_is_accepted_until_its_date():
    entry = {"id": "PYSEC-2027-1", "until": datetime.date(2027, 3, 1), "reason": "not called"}
    assert list_accepted([entry], datetime.date(2027, 3, 1)) == ["--ignore-vuln", "PYSEC-2027-1"]
    assert not list_accepted([entry], datetime.date(2027, 3, 2))


def _summarize(*packages):
    return summarize(json.dumps({"dependencies": packages, "fixes": []}), "")
