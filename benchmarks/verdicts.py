"""How often is the verdict of `ganinv invert` wrong?

The pictures come from two generators, portraits64 and PyPI's gan-face-generate, as PNG and JPEG;
from packages of PyPI (photographs); and there are flat and noisy ones. The right verdict on each is
known. All are inverted from one start, because the defaults take hours. Pictures with a wrong
verdict are then inverted again with the defaults, 8 starts. The results of both generators together
also show which of them made each picture that was inverted on both.

    python benchmarks/verdicts.py             # about half an hour on two cores
    python benchmarks/verdicts.py --count 3   # few generated pictures, to see it work

Each generator is inverted on its own core. Finished trials are kept in build/verdicts, and the same
command continues from there; more --trials extend the results.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import click
from verdict_study.photographs import (
    PHOTOGRAPHS,
    download_photographs,
    download_weights,
    name_photograph,
)
from verdict_study.pictures import (
    PHOTOGRAPH,
    Picture,
    make_flat,
    make_generated,
    select_shown,
)
from verdict_study.tables import is_missed, is_mistaken, judge_answer, render

from ganinv_cli.engine.tensorflow_start import start_tensorflow
from ganinv_cli.report import Report, summarize
from ganinv_cli.report.attribution import summarize_attribution
from ganinv_cli.settings.config import InvertConfig
from ganinv_cli.settings.shipped import find
from ganinv_cli.store import Results, read_results

DEFAULT_STARTS = InvertConfig.trials
COPIED = (  # from the report of `ganinv invert`
    *("image", "verdict", "nearest_copy", "rmse", "psnr", "starts", "outside", "z_norm"),
    "gradients",
)


@click.command()
@click.option(
    "--count",
    type=click.IntRange(1),
    default=40,
    show_default=True,
    help="Number of pictures of each generator in each format.",
)
@click.option(
    "--trials",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    help=f"Starts per picture. After a wrong verdict, {DEFAULT_STARTS} are tried too.",
)
@click.option(
    "--folder",
    type=click.Path(path_type=Path),
    default="build/verdicts",
    show_default=True,
    help="Folder for the pictures and the results.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    default="build/verdicts/verdicts.json",
    show_default=True,
    help="JSON file for the verdicts; the tables are written beside it, as Markdown.",
)
def main(count: int, trials: int, folder: Path, out: Path) -> None:
    """Print how often the verdict is wrong, and whether the right generator is named."""
    start_tensorflow()
    generators = {
        "portraits64": find("checkpoint", "portraits64"),
        "gan-face-generate": download_weights(folder / "wheels"),
    }
    download_photographs(folder / "photographs")
    photographs = [
        Picture(name_photograph(folder / "photographs", member), PHOTOGRAPH, None)
        for members in PHOTOGRAPHS.values()
        for member in members
    ]
    study = run_study(generators, photographs, count, trials, folder)
    sources = {package: list(members) for package, members in PHOTOGRAPHS.items()}
    save_study(study | {"photographs": sources}, out)
    click.echo(render(study), nl=False)


def run_study(
    generators: Mapping[str, Path],
    photographs: Sequence[Picture],
    count: int,
    trials: int,
    folder: Path,
) -> dict[str, Any]:
    """Make the pictures, invert each on its selected generators, and return all verdicts."""
    generated = {
        name: make_generated(folder / "generated", name, checkpoint, count)
        for name, checkpoint in generators.items()
    }
    others = [*photographs, *make_flat(folder / "flat")]
    shown = {name: select_shown(generated, others, name, count) for name in generators}
    results = _invert_all(generators, shown, folder, trials)
    reports = {name: summarize(each, name) for name, each in results.items()}
    verdicts = {name: _list_verdicts(name, reports[name], shown[name]) for name in generators}
    answers = _list_answers(results, chain(*shown.values()))
    for again, is_wrong in (("again", is_missed), ("again-others", is_mistaken)):
        wrong = {
            name: [p for p in shown[name] if is_wrong(verdicts[name][p.path.name])]
            for name in generators
        }
        found = _invert_all(generators, wrong, folder / again, DEFAULT_STARTS)
        for name, more in found.items():
            for image, record in _list_verdicts(name, summarize(more, name), wrong[name]).items():
                verdicts[name][image]["again"] = record
            answers |= _list_answers({**results, name: more}, chain(*shown.values()))
    return {
        "about": _describe_runs(reports),
        "verdicts": [record for records in verdicts.values() for record in records.values()],
        "answers": [*answers.values()],
        "copy_rmse": {
            name: _round(each.tables["invert"][0]["copy_rmse"]) for name, each in reports.items()
        },
    }


def save_study(study: Mapping[str, Any], out: Path) -> None:
    """Write the verdicts as JSON, one picture per line, and the tables beside it as Markdown."""
    entries = []
    for key, value in study.items():
        text = json.dumps(value)
        if isinstance(value, list):
            text = "[\n" + ",\n".join(json.dumps(record) for record in value) + "\n]"
        entries.append(f"{json.dumps(key)}: {text}")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text("{\n" + ",\n".join(entries) + "\n}\n", "utf-8")
    write_page(out)


def write_page(path: Path) -> None:
    """Write the Markdown beside a JSON file of this benchmark."""
    path.with_suffix(".md").write_text(render(json.loads(path.read_text("utf-8"))), "utf-8")


def _invert_all(
    generators: Mapping[str, Path],
    pictures: Mapping[str, Sequence[Picture]],
    folder: Path,
    trials: int,
) -> dict[str, Results]:
    """Return the results of `ganinv invert` on each generator that has pictures, all at once."""
    folder.mkdir(exist_ok=True)
    files = {name: folder / f"{name}.h5" for name in generators if pictures[name]}
    runs = [
        _start_invert(pictures[name], generators[name], file, trials)
        for name, file in files.items()
    ]
    statuses = [run.wait() for run in runs]
    if failed := next(filter(None, statuses), 0):
        sys.exit(failed)
    return {name: read_results(file) for name, file in files.items()}


def _start_invert(
    pictures: Sequence[Picture], checkpoint: Path, out: Path, trials: int
) -> "subprocess.Popen[bytes]":
    """Start `ganinv invert` on one core; it continues a stopped run."""
    options = ("--checkpoint", checkpoint, "--out", out, "--trials", trials, "--format", "csv")
    files = [picture.path for picture in pictures]
    command = (sys.executable, "-m", "ganinv_cli", "invert", *files, *options)
    threads = {f"TF_NUM_{kind}_THREADS": "1" for kind in ("INTRAOP", "INTEROP")}
    return subprocess.Popen(
        [str(word) for word in command], stdout=subprocess.DEVNULL, env=os.environ | threads
    )


def _list_verdicts(
    name: str, report: Report, pictures: Iterable[Picture]
) -> dict[str, dict[str, Any]]:
    """Return the record of each picture that was inverted on a generator, by its file's name."""
    known = {picture.path.name: picture for picture in pictures}
    return {
        row["image"]: {
            "generator": name,
            "kind": known[row["image"]].kind,
            "source": known[row["image"]].source,
            **{key: _round(row[key]) for key in COPIED},
            "agree": row["agreement"]["same"],
        }
        for row in report.tables["invert"]
    }


def _list_answers(
    results: Mapping[str, Results], pictures: Iterable[Picture]
) -> dict[str, dict[str, Any]]:
    """Return the record of each picture that was inverted on all generators, by file name."""
    known = {picture.path.name: picture for picture in pictures}
    rows = summarize_attribution([*results.values()], [*results]).tables["attribution"]
    return {row["image"]: _make_answer(row, known[row["image"]], [*results]) for row in rows}


def _make_answer(row: Mapping[str, Any], picture: Picture, names: Sequence[str]) -> dict[str, Any]:
    called = dict(zip((each["checkpoint"] for each in row["generators"]), names, strict=True))
    made_by = [called[each] for each in row["made_by"]]
    return {
        "image": row["image"],
        "kind": picture.kind,
        "source": picture.source,
        "made_by": made_by,
        "answer": judge_answer(picture.source, made_by, row["answer"]),
    }


def _describe_runs(reports: Mapping[str, Report]) -> str:
    """Return the machine, versions, and the time in solvers, for the page."""
    runs = {name: report.run for name, report in reports.items()}
    first = next(iter(runs.values()))
    starts = first["config"]["trials"]
    minutes = ", ".join(
        f"{name} {(run['solving_seconds'] or 0) / 60:.0f} min" for name, run in runs.items()
    )
    return (
        f"{starts} starts for each picture, {first['device']}, ganinv "
        f"{first['versions'].get('ganinv', '?')} at {first['git'][:12] or 'no revision'}, "
        f"time in solvers: {minutes}"
    )


def _round(value: Any) -> Any:
    """Return a number, or each number of a mapping, to four digits; other values unchanged."""
    if isinstance(value, Mapping):
        return {key: _round(each) for key, each in value.items()}
    return float(f"{value:.4g}") if isinstance(value, float) else value


if __name__ == "__main__":
    main()
