"""The tables of verdicts.py, made from its records alone."""

import statistics as averages
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from tabulate import tabulate

from ganinv_cli.number_format import format_interval, format_number, format_share
from ganinv_cli.statistics import clopper_pearson
from verdict_study.pictures import FLAT, FORMATS, PHOTOGRAPH

Record = Mapping[str, Any]

VERDICTS = ("made", "implausible", "ambiguous", "near", "outside", "failed")
ANSWERS = ("right", "other", "several", "perhaps", "none")  # values of `judge_answer`
OTHER = "other generator"
KINDS = (*FORMATS, OTHER, PHOTOGRAPH, FLAT)  # in the order of the tables


def describe_kind(record: Record) -> str:
    """Return the kind of a picture for the generator that it was inverted on."""
    foreign = record["source"] not in (None, record["generator"])
    return OTHER if foreign else str(record["kind"])


def judge_answer(source: str | None, made_by: Sequence[str], answer: str) -> str:
    """Return one of ANSWERS for a picture of `source`; None: no generator made it."""
    if len(made_by) > 1:
        return "several"
    if made_by:
        return "right" if made_by[0] == source else "other"
    if answer.startswith("perhaps"):
        return "perhaps"
    return "none" if source else "right"


def is_missed(record: Record) -> bool:
    """Return whether a generator's own picture was not called made."""
    return bool(record["source"] == record["generator"] and record["verdict"] != "made")


def is_mistaken(record: Record) -> bool:
    """Return whether a picture of another source was called made."""
    return bool(record["source"] != record["generator"] and record["verdict"] == "made")


def is_error(record: Record) -> bool:
    """Return whether a picture was missed, or another was called made."""
    return is_missed(record) or is_mistaken(record)


def render(study: Record) -> str:
    """Return all tables as Markdown."""
    verdicts, answers = study["verdicts"], study["answers"]
    sections = {
        "Verdicts": _tabulate_verdicts(verdicts),
        "What is left": _tabulate_losses(verdicts),
        "Which generator made it": _tabulate_answers(answers),
        "Verdicts that err": _tabulate_errors([each for each in verdicts if is_error(each)]),
        "Limits of nearness": _tabulate_limits(study["copy_rmse"]),
    }
    text = "\n\n".join(f"### {title}\n\n{table}" for title, table in sections.items())
    return f"{text}\n\n* Run: {study['about']}.\n"


def _tabulate_verdicts(records: Sequence[Record]) -> str:
    seen = [verdict for verdict in VERDICTS if any(r["verdict"] == verdict for r in records)]
    rows = [
        {
            "generator, picture": name,
            "pictures": len(group),
            **{verdict: _count(group, "verdict", verdict) for verdict in seen},
            "called made": _format_share(_count(group, "verdict", "made"), len(group)),
            "made, these again": _format_share(sum(map(_is_made_at_last, group)), len(group))
            if any("again" in each for each in group)
            else "",
        }
        for name, group in _group(records, _name_group).items()
    ]
    return _format_table(rows)


def _tabulate_losses(records: Sequence[Record]) -> str:
    rows = []
    for name, group in _group(records, _name_group).items():
        rmse = [each["rmse"] for each in group]
        gradients = averages.mean(each["gradients"] for each in group)
        rows.append(
            {
                "generator, picture": name,
                "RMSE, least": format_number(min(rmse)),
                "median": format_number(averages.median(rmse)),
                "largest": format_number(max(rmse)),
                "starts at one z": f"{averages.median(each['agree'] for each in group):g}",
                "z outside": sum(each["outside"] > 0 for each in group),
                "gradients": f"{gradients:,.0f}",
            }
        )
    return _format_table(rows)


def _tabulate_answers(answers: Sequence[Record]) -> str:
    rows = [
        {
            "picture": kind,
            "pictures": len(group),
            **{answer: _count(group, "answer", answer) for answer in ANSWERS},
            "right, share": _format_share(_count(group, "answer", "right"), len(group)),
        }
        for kind, group in _group(answers, _name_answer).items()
    ]
    return _format_table(rows)


def _tabulate_errors(records: Sequence[Record]) -> str:
    if not records:
        return "None."
    rows = [
        {
            "picture": each["image"],
            "generator": each["generator"],
            "verdict": each["verdict"],
            "RMSE": format_number(each["rmse"]),
            "nearest copy": each["nearest_copy"] or "-",
            "starts at one z": f"{each['agree']} of {each['starts']}",
            "again": _describe_again(each),
        }
        for each in records
    ]
    return _format_table(rows)


def _tabulate_limits(limits: Mapping[str, Mapping[str, float]]) -> str:
    """Return the largest RMSE of each kind of copy of each generator's own pictures."""
    return _format_table(
        [
            {"generator": name, **{kind: format_number(rmse) for kind, rmse in kinds.items()}}
            for name, kinds in limits.items()
        ]
    )


def _is_made_at_last(record: Record) -> bool:
    return bool(record.get("again", record)["verdict"] == "made")


def _describe_again(record: Record) -> str:
    """Return the verdict from more starts, if there is one."""
    again = record.get("again")
    if again is None:
        return "-"
    found = f"{again['agree']} of {again['starts']}"
    return f"{again['verdict']}, RMSE {format_number(again['rmse'])}, {found}"


def _name_group(record: Record) -> str:
    return f"{record['generator']}, {describe_kind(record)}"


def _name_answer(record: Record) -> str:
    return f"generated, {record['kind']}" if record["kind"] in FORMATS else str(record["kind"])


def _rank_kind(record: Record) -> tuple[str, int]:
    """Return a key that sorts records by generator, then by kind."""
    kind = describe_kind(record) if "generator" in record else record["kind"]
    return record.get("generator", ""), KINDS.index(kind)


def _group(records: Iterable[Record], name: Callable[[Record], str]) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = {}
    for record in sorted(records, key=_rank_kind):
        groups.setdefault(name(record), []).append(record)
    return groups


def _count(records: Iterable[Record], key: str, value: str) -> int:
    return sum(record[key] == value for record in records)


def _format_share(count: int, trials: int) -> str:
    interval = format_interval(clopper_pearson(count, trials), format_share)
    return f"{format_share(count / trials)} {interval}"


def _format_table(rows: Sequence[Mapping[str, object]]) -> str:
    alignment = ["left", *["right"] * (len(rows[0]) - 1)]
    return tabulate(rows, "keys", "github", disable_numparse=True, colalign=alignment)
