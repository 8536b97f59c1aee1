"""The conventions of a generator in text: what is right, what is a guess, and what to do."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ganinv_cli.results.report.table import capitalize

Facts = Mapping[str, Any]

WORDS = {
    "file": "from the file",
    "pictures": "by its pictures",
}  # for sources that need more than their name
NO_BREAK = "\N{NO-BREAK SPACE}"  # shown as a space
FITS = "assumed, fits"  # a value that the statistics allow, but not it alone


def describe_verdict(facts: Facts) -> str:
    """Return whether this is the generator that was trained, and what only its program can tell.

    It is one sentence or more.
    """
    if facts["doubt"]:
        kind = "A guess" if facts["confirmed"] is None else "Not confirmed"
        kind = f"Read as its file says, and {kind.lower()}" if _is_stated(facts) else kind
        return " ".join([f"{kind}: {facts['doubt']}.", *_describe_open(facts, [])])
    opened = [] if facts["shipped"] else [*_list_open(facts)]
    clauses = _describe_open(facts, opened)
    if not clauses:
        ships = "it ships with ganinv, and " if facts["shipped"] else ""
        evidence = capitalize(f"{ships}{_describe_evidence(facts)}")
        return f"Read completely; nothing to set. {evidence}."
    return " ".join([*clauses, f"The rest is {_describe_rest(facts)}."])


def _list_open(facts: Facts) -> Iterator[str]:
    """Yield the conventions that no statistics decide, with the reason: the least known first."""
    reasons = dict.fromkeys(_list_untested(facts), "not tested")
    for name in _list_undecided(facts):
        reasons.setdefault(name, "several values fit")
    for name in _list_names(facts["conventions"], "pictures"):
        known = f"{reasons[name]}; " if name in reasons else ""
        reasons[name] = f"{known}likely by its pictures"
    for reason in dict.fromkeys(reasons.values()):
        names = [name for name, each in reasons.items() if each == reason]
        yield f"{', '.join(names)} ({reason})"


def _describe_open(facts: Facts, opened: Sequence[str]) -> list[str]:
    """Return sentences on what only the program that trained the generator can tell."""
    said = [f"Only your program can tell: {', '.join(opened)}."] if opened else []
    without_option = [clause for clause in facts["assumed"] if "(--" not in clause]
    return said + [f"Assumed, and not tested: {clause}." for clause in without_option]


def _describe_evidence(facts: Facts) -> str:
    """Return what confirms the generator as a whole, as a clause."""
    if facts["confirmed"]:
        return "its batch norms confirm it"
    if facts["layers"]:
        return "it has no batch norms that could confirm it"
    return "batch norms among its operations confirm nothing"


def _describe_rest(facts: Facts) -> str:
    """Return what confirms the part of the generator that is not left open."""
    if not facts["confirmed"]:
        return f"as its file describes it; {_describe_evidence(facts)}"
    named = list_tested_layers(facts)
    return f"confirmed by its batch norms{f', from z to {named[-1]}' if named else ''}"


def describe_next_step(facts: Facts) -> str:
    """Return what a user can do about the verdict, with commands to paste."""
    rows = {row["name"]: row for row in facts["conventions"] if not row["layer"]}
    labels = rows.get("labels", {}).get("runner_up")
    command = facts["arguments"]
    given = [row for row in facts["conventions"] if row["source"] == "given"]
    wrong = dict.fromkeys(row["name"] for row in given if row["runner_up"])
    for name in wrong:
        command = re.sub(rf" --{name} \S+", "", command)
    if labels and labels["value"].isdecimal() and labels["value"] != "0":
        command += f" --labels {labels['value']}"
    if command != facts["arguments"]:
        return _keep_together(f"ganinv inspect {command}")
    if wrong:
        return f"leave {' and '.join(wrong)} out of {' and '.join(facts['stated'])}"
    look = f"{_keep_together(f'ganinv sample {command} --out sheet.png')} shows its pictures"
    if facts["shipped"]:
        return look
    if facts["doubt"] and labels:
        return "export it to ONNX, with the label as a second input (ganinv inspect --help)"
    likely = _list_names(facts["conventions"], "pictures")
    names = dict.fromkeys([*_list_untested(facts), *_list_undecided(facts), *likely])
    options = " ".join(f"--{name}" for name in names)
    change = f"; to set them as in your program, give {options}" if options else ""
    tested = dict.fromkeys(f"--{row['name']}" for row in given if row["name"] != "range")
    if facts["doubt"] and tested:
        given_options = " ".join(tested)
        change += f"; leave {given_options} out to see whether the file fits without"
    if facts["doubt"] and not _is_stated(facts):
        change += "; if it has branches, export it to ONNX (ganinv inspect --help)"
    return f"{look}{change}"


def _keep_together(command: str) -> str:
    """Return a command that is not wrapped, so that it can be pasted."""
    return command.replace(" ", NO_BREAK)


def describe_conventions(facts: Facts) -> Iterator[tuple[str, str]]:
    """Yield each convention of layers with its values, e.g. `2 in 3 layers, inferred`."""
    tested = list_tested_layers(facts)
    values: dict[str, dict[str, list[str]]] = {}  # by name and source
    for row in facts["conventions"]:
        if row["layer"]:
            source = name_source(row, tested)
            if facts["shipped"] and row["source"] == "assumed":
                source = "as trained"
            values.setdefault(row["name"], {}).setdefault(source, []).append(row["value"])
    for name, by_source in values.items():
        unit = " layers" if len(next(iter(by_source.values()))) > 1 else " layer"
        said = []
        for source, each in by_source.items():
            said.append(f"{','.join(dict.fromkeys(each))} in {len(each)}{unit}, {source}")
            unit = ""  # said once
        yield name, "; ".join(said)


def describe_source(facts: Facts, name: str) -> str:
    """Return how the prior or the range is known, e.g. `, assumed`."""
    rows = [row for row in facts["conventions"] if row["name"] == name and not row["layer"]]
    return f", {name_source(rows[-1], [])}" if rows else ""


def describe_size_source(facts: Facts) -> str:
    """Return that the size of pictures is assumed, if it follows from what no norm tests."""
    tested = list_tested_layers(facts)
    assumed = dict.fromkeys(
        f"--{row['name']}"
        for row in facts["conventions"]
        if row["name"] in ("strides", "padding") and name_source(row, tested) == "assumed"
    )
    return f", assumed ({', '.join(assumed)})" if assumed and not facts["shipped"] else ""


def name_source(row: Facts, tested: list[str]) -> str:
    """Return how a value is known; epsilon changes the statistics too little to be tested."""
    is_fitting = row["discrepancy"] is not None and row["layer"] in tested
    if row["source"] == "assumed" and is_fitting and row["name"] != "epsilon":
        return FITS
    source = str(row["source"])
    return WORDS.get(source, source)


def list_tested_layers(facts: Facts) -> list[str]:
    """Return the layers that the batch norms confirm: those before the last norm."""
    if not facts["confirmed"]:
        return []
    kinds = [layer["kind"] for layer in facts["layers"]]
    last = len(kinds) - kinds[::-1].index("BatchNorm") if "BatchNorm" in kinds else 0
    return [layer["name"] for layer in facts["layers"][:last] if layer["name"]]


def _is_stated(facts: Facts) -> bool:
    """Return whether the file states its layers, so that they need no conventions."""
    return not any(row["layer"] for row in facts["conventions"])


def _list_undecided(facts: Facts) -> list[str]:
    """Return the names of assumed conventions that norms test, but another value fits as well."""
    tested = list_tested_layers(facts)
    return _list_names(
        row
        for row in facts["conventions"]
        if _is_tested(facts, row, tested) and (row["runner_up"] or row["discrepancy"] is None)
    )


def _list_untested(facts: Facts) -> list[str]:
    tested = list_tested_layers(facts)
    return _list_names(row for row in facts["conventions"] if not _is_tested(facts, row, tested))


def _is_tested(facts: Facts, row: Facts, tested: list[str]) -> bool:
    """Return whether norms fit a value; the first fits the prior, none the last activation."""
    if row["name"] == "prior":
        return bool(facts["confirmed"])
    is_last = row["name"] == "activation" and row["discrepancy"] is None
    return row["layer"] in tested and not is_last


def _list_names(rows: Iterable[Facts], source: str = "assumed") -> list[str]:
    return list(dict.fromkeys(row["name"] for row in rows if row["source"] == source))
