"""How often is the verdict of `ganinv invert` wrong?

The pictures come from two generators, portraits64 and PyPI's gan-face-generate, as PNG and JPEG;
from packages of PyPI (photographs); and there are flat and noisy ones. The right verdict on each is
known. All are inverted from one start, because the defaults take hours. Pictures with a wrong
verdict are then inverted again with the defaults, 8 starts. The results of both generators together
also show which of them made each picture that was inverted on both.

    python -m benchmarks.verdicts             # about half an hour on two cores
    python -m benchmarks.verdicts --count 3   # few generated pictures, to see it work

Each generator is inverted on its own core. Finished trials are kept in build/verdicts, and the same
command continues from there.
"""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click
import numpy as np
from PIL import Image, ImageFilter
from tabulate import tabulate

from benchmarks.downloads import PHOTOGRAPHS, download_member, download_photographs
from benchmarks.records import format_counted_share, publish
from ganinv_cli import formats
from ganinv_cli.images import to_pixels
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.number_format import format_number
from ganinv_cli.prior import Uniform
from ganinv_cli.settings.config import InvertConfig
from ganinv_cli.settings.shipped import find

SEED = 2019  # of the true z and of the noise; no threshold of ganinv was measured with it
SIDE = 64  # pixels of flat and noisy pictures
WEIGHTS = "gan-face-generate==1.1.1", "gan_face_generate/weights.tar"
QUALITIES = {"PNG": None, "JPEG 95": 95, "JPEG 75": 75}  # of JPEG, with Pillow's other defaults
PHOTOGRAPH, FLAT, OTHER = "photograph", "flat or noise", "other generator"
KINDS = (*QUALITIES, OTHER, PHOTOGRAPH, FLAT)  # in the order of the tables
VERDICTS = ("made", "implausible", "ambiguous", "near", "outside", "failed")
ANSWERS = ("right", "other", "several", "perhaps", "none")  # values of `judge_answer`
COPIED = ("image", "verdict", "nearest_copy", "rmse", "starts", "outside", "gradients")
Record = Mapping[str, Any]


class Picture(NamedTuple):
    """A picture of the study."""

    path: Path
    kind: str  # a key of QUALITIES, PHOTOGRAPH or FLAT
    source: str | None  # name of the generator that made it; None: not generated


@click.command()
@click.option("--count", default=40, show_default=True, help="Pictures per generator and format.")
@click.option("--trials", default=1, show_default=True, help="Starts per picture, at first.")
@click.option("--folder", type=click.Path(path_type=Path), default="build/verdicts")
@click.option("--out", type=click.Path(path_type=Path), default="build/verdicts/verdicts.json")
def main(count: int, trials: int, folder: Path, out: Path) -> None:
    """Print how often the verdict is wrong, and whether the right generator is named."""
    folder.mkdir(parents=True, exist_ok=True)
    weights = folder / "weights.tar"
    weights.write_bytes(download_member(*WEIGHTS, folder))
    generators = {"portraits64": find("checkpoint", "portraits64"), "gan-face-generate": weights}
    photographs = [Picture(path, PHOTOGRAPH, None) for path in download_photographs(folder)]
    others = [*photographs, *make_flat(folder)]
    study = run_study(generators, others, count, trials, folder)
    publish(study | {"photographs": PHOTOGRAPHS}, format_page, out)


def run_study(
    generators: Mapping[str, Path],
    others: Sequence[Picture],
    count: int,
    trials: int,
    folder: Path,
) -> dict[str, Any]:
    """Make the pictures, invert each on its selected generators, and return all verdicts."""
    generated = {
        name: make_generated(folder, name, path, count) for name, path in generators.items()
    }
    shown = {name: select_shown(generated, others, name, count) for name in generators}
    known = {picture.path.name: picture for each in shown.values() for picture in each}
    files = _invert(generators, shown, folder, trials)
    reports = {name: _report(file) for name, file in files.items()}
    verdicts = {name: _list_verdicts(name, each, known) for name, each in reports.items()}
    answers = _list_answers(files, known)
    wrong = {
        name: [p for p in shown[name] if is_error(verdicts[name][p.path.name])]
        for name in generators
    }
    for name, file in _invert(generators, wrong, folder / "again", InvertConfig.trials).items():
        for image, record in _list_verdicts(name, _report(file), known).items():
            verdicts[name][image]["again"] = record
        answers |= _list_answers({**files, name: file}, known)
    run = next(iter(reports.values()))["run"]
    return {
        "about": f"{trials} starts for each picture, {run['device']}, ganinv {run['git'][:12]}",
        "verdicts": [record for records in verdicts.values() for record in records.values()],
        "answers": list(answers.values()),
        "copy_rmse": {
            name: report["tables"]["invert"][0]["copy_rmse"] for name, report in reports.items()
        },
    }


def make_generated(folder: Path, name: str, checkpoint: Path, count: int) -> list[Picture]:
    """Write `count` pictures of a generator in each format, of the same z.

    z is drawn from the prior without bounds: a normal prior is not truncated.
    """
    generator = make_generator(formats.read(checkpoint))
    random, prior, shape = np.random.default_rng(SEED), generator.prior, (count, generator.latent)
    if isinstance(prior, Uniform):
        z = random.uniform(prior.low, prior.high, shape)
    else:
        z = random.normal(0, prior.sigma, shape)
    pixels = to_pixels(generator.render(z.astype(np.float32), count))
    pictures = []
    for kind, quality in QUALITIES.items():
        for number, image in enumerate(pixels):
            ending = "jpg" if quality else "png"
            path = folder / f"{name}-{number:02d}-{kind.lower().replace(' ', '')}.{ending}"
            options: dict[str, Any] = {"quality": quality} if quality else {}
            Image.fromarray(image.squeeze()).save(path, **options)
            pictures.append(Picture(path, kind, name))
    return pictures


def make_flat(folder: Path) -> list[Picture]:
    """Write the flat and noisy pictures."""
    random, place = np.random.default_rng(SEED), np.arange(SIDE)
    noise = Image.fromarray(random.integers(0, 256, (SIDE, SIDE, 3), np.uint8))
    blurred = np.asarray(noise.filter(ImageFilter.GaussianBlur(4)), np.float64)
    drawn = {
        "black": np.zeros(3),
        "grey": np.full(3, 128),
        "white": np.full(3, 255),
        "red": np.array([255, 0, 0]),
        "gradient": np.linspace(0, 255, SIDE)[:, None],
        "checkerboard": 255 * (np.add.outer(place // 8, place // 8)[..., None] % 2),
        "uniform-noise": random.integers(0, 256, (SIDE, SIDE, 3)),
        "normal-noise": random.normal(128, 40, (SIDE, SIDE, 3)),
        "binary-noise": random.choice([0, 255], (SIDE, SIDE, 1)),
        "smooth-noise": 128 + (blurred - blurred.mean()) * 40 / blurred.std(),
    }
    pictures = [Picture(folder / f"flat-{name}.png", FLAT, None) for name in drawn]
    for picture, values in zip(pictures, drawn.values(), strict=True):
        pixels = np.broadcast_to(np.clip(values, 0, 255), (SIDE, SIDE, 3))
        Image.fromarray(pixels.astype(np.uint8)).save(picture.path)
    return pictures


def select_shown(
    generated: Mapping[str, list[Picture]], others: Sequence[Picture], name: str, count: int
) -> list[Picture]:
    """Return the pictures that are inverted on a generator, kinds mixed.

    They are its own pictures, all pictures that were not generated, and `count` of each other
    generator: a third of them in each format, of different z.
    """
    shown = [*generated[name], *others]
    for source in generated.keys() - {name}:
        formats_ = [[p for p in generated[source] if p.kind == kind] for kind in QUALITIES]
        shown += [formats_[number * len(formats_) // count][number] for number in range(count)]
    return [shown[at] for at in np.random.default_rng(SEED).permutation(len(shown))]


def judge_answer(source: str | None, made_by: Sequence[str], answer: str) -> str:
    """Return one of ANSWERS for a picture of `source`; None: no generator made it."""
    if len(made_by) > 1:
        return "several"
    if made_by:
        return "right" if made_by[0] == source else "other"
    if answer.startswith("perhaps"):
        return "perhaps"
    return "none" if source else "right"


def is_error(record: Record) -> bool:
    """Return whether a generator's own picture was not called made, or another's was."""
    return bool((record["source"] == record["generator"]) != (record["verdict"] == "made"))


def format_page(study: Record) -> str:
    """Return all tables as Markdown."""
    verdicts = study["verdicts"]
    groups = _group(verdicts, lambda each: f"{each['generator']}, {_describe_kind(each)}")
    answers = _group(
        study["answers"],
        lambda each: f"generated, {each['kind']}" if each["kind"] in QUALITIES else each["kind"],
    )
    seen = [verdict for verdict in VERDICTS if any(r["verdict"] == verdict for r in verdicts)]
    sections = {
        "Verdicts": [_make_verdict_row(name, group, seen) for name, group in groups.items()],
        "What is left": [_make_loss_row(name, group) for name, group in groups.items()],
        "Which generator made it": [_make_answer_row(*each) for each in answers.items()],
        "Verdicts that err": [_make_error_row(each) for each in verdicts if is_error(each)],
        "Limits of nearness": [
            {"generator": name, **{kind: format_number(rmse) for kind, rmse in kinds.items()}}
            for name, kinds in study["copy_rmse"].items()
        ],
    }
    text = "\n\n".join(f"### {name}\n\n{_format_table(rows)}" for name, rows in sections.items())
    return f"{text}\n\n* Run: {study['about']}.\n"


def _invert(
    generators: Mapping[str, Path],
    pictures: Mapping[str, Sequence[Picture]],
    folder: Path,
    trials: int,
) -> dict[str, Path]:
    """Run `ganinv invert` on each generator that has pictures, all at once, on a core each."""
    folder.mkdir(exist_ok=True)
    files = {name: folder / f"{name}.h5" for name in generators if pictures[name]}
    threads = os.environ | {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    running = []
    for name, file in files.items():
        options = ("--checkpoint", generators[name], "--out", file, "--trials", trials)
        words = (*(picture.path for picture in pictures[name]), *options)
        command = [sys.executable, "-m", "ganinv_cli", "invert", *map(str, words)]
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, env=threads))
    statuses = [run.wait() for run in running]
    if any(statuses):
        raise click.ClickException("ganinv invert failed; the same command continues it")
    return files


def _report(*files: Path) -> Any:
    """Return what `ganinv report --format json` says of a file.

    Of several files it is a list, the last item of which compares their generators.
    """
    command = (sys.executable, "-m", "ganinv_cli", "report", *map(str, files), "--format", "json")
    return json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)


def _list_verdicts(
    name: str, report: Record, known: Mapping[str, Picture]
) -> dict[str, dict[str, Any]]:
    """Return the record of each picture that was inverted on a generator, by its file's name."""
    return {
        row["image"]: {
            "generator": name,
            "kind": known[row["image"]].kind,
            "source": known[row["image"]].source,
            **{key: row[key] for key in COPIED},
            "agree": row["agreement"]["same"],
        }
        for row in report["tables"]["invert"]
    }


def _list_answers(
    files: Mapping[str, Path], known: Mapping[str, Picture]
) -> dict[str, dict[str, Any]]:
    """Return the record of each picture that was inverted on all generators, by file name."""
    answers = {}
    for row in _report(*files.values())[-1]["tables"]["attribution"]:
        names = dict(zip((each["checkpoint"] for each in row["generators"]), files, strict=True))
        made_by, picture = [names[each] for each in row["made_by"]], known[row["image"]]
        answer = judge_answer(picture.source, made_by, row["answer"])
        answers[row["image"]] = {
            **{"image": row["image"], "kind": picture.kind, "source": picture.source},
            **{"made_by": made_by, "answer": answer},
        }
    return answers


def _describe_kind(record: Record) -> str:
    """Return the kind of a picture for the generator that it was inverted on."""
    is_foreign = record["source"] not in (None, record.get("generator", record["source"]))
    return OTHER if is_foreign else str(record["kind"])


def _make_verdict_row(name: str, group: list[Record], seen: list[str]) -> dict[str, object]:
    at_last = sum(each.get("again", each)["verdict"] == "made" for each in group)
    is_repeated = any("again" in each for each in group)
    return {
        "generator, picture": name,
        "pictures": len(group),
        **{verdict: _count(group, "verdict", verdict) for verdict in seen},
        "called made": format_counted_share(_count(group, "verdict", "made"), len(group)),
        "made, these again": format_counted_share(at_last, len(group)) if is_repeated else "",
    }


def _make_loss_row(name: str, group: list[Record]) -> dict[str, object]:
    rmse = [each["rmse"] for each in group]
    return {
        "generator, picture": name,
        "RMSE, least": format_number(min(rmse)),
        "median": format_number(statistics.median(rmse)),
        "largest": format_number(max(rmse)),
        "starts at one z": f"{statistics.median(each['agree'] for each in group):g}",
        "z outside": sum(each["outside"] > 0 for each in group),
        "gradients": f"{statistics.mean(each['gradients'] for each in group):,.0f}",
    }


def _make_answer_row(kind: str, group: list[Record]) -> dict[str, object]:
    counts = {answer: _count(group, "answer", answer) for answer in ANSWERS}
    share = format_counted_share(counts["right"], len(group))
    return {"picture": kind, "pictures": len(group), **counts, "right, share": share}


def _make_error_row(record: Record) -> dict[str, object]:
    again, words = record.get("again"), "-"
    if again:
        rmse = format_number(again["rmse"])
        words = f"{again['verdict']}, RMSE {rmse}, {again['agree']} of {again['starts']}"
    return {
        "picture": record["image"],
        "generator": record["generator"],
        "verdict": record["verdict"],
        "RMSE": format_number(record["rmse"]),
        "nearest copy": record["nearest_copy"] or "-",
        "starts at one z": f"{record['agree']} of {record['starts']}",
        "again": words,
    }


def _group(records: Iterable[Record], name: Callable[[Record], str]) -> dict[str, list[Record]]:
    """Return the records by their names, by generator and in the order of the kinds."""
    groups: dict[str, list[Record]] = {}
    for record in sorted(
        records, key=lambda each: (each.get("generator", ""), KINDS.index(_describe_kind(each)))
    ):
        groups.setdefault(name(record), []).append(record)
    return groups


def _count(records: Iterable[Record], key: str, value: str) -> int:
    return sum(record[key] == value for record in records)


def _format_table(rows: Sequence[Mapping[str, object]]) -> str:
    alignment = ["left", *["right"] * (len(rows[0]) - 1)]
    return tabulate(rows, "keys", "github", disable_numparse=True, colalign=alignment)


if __name__ == "__main__":
    main()
