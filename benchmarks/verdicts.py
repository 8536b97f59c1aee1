"""How often is the verdict of `ganinv invert` wrong on hard cases?

Three generators invert pictures of their own, changed in 14 ways (CHANGES), and pictures that they
did not make (SOURCES), stored without loss and as JPEG 75. Each kind of picture has a results file
in build/verdicts. The same command continues a run that was stopped, picture by picture. `make zoo`
fetches one of the generators.

    python -m benchmarks.verdicts                     # ten hours on two cores
    python -m benchmarks.verdicts --pictures 5        # few pictures of each kind; more are added
    python -m benchmarks.verdicts --only faces32-own  # some kinds
    python -m benchmarks.verdicts --list              # what is planned, and what is done
    python -m benchmarks.verdicts --keep docs/invert/calibration.json  # what is done, as a page
"""

import os
import statistics
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import click

import ganinv_cli as ganinv
from benchmarks.records import Record, format_counted_share, format_section, publish
from benchmarks.verdict_pictures import (
    CHANGES,
    FILES,
    FOLDER,
    GENERATORS,
    JPEG,
    LOSSLESS,
    OWN,
    SIBLINGS,
    Case,
    list_cases,
    make_pictures,
)
from ganinv_cli.api.results import read_run
from ganinv_cli.experiments.invert import InvertConfig
from ganinv_cli.number_format import format_number

CORES = 2  # kinds of pictures that are inverted at the same time
VERDICTS = ("made", "ambiguous", "sibling", "outside", "failed", "implausible", "near")
NEAR_SIBLINGS = [*SIBLINGS][:2]  # which JPEG hides: below 30 %


@click.command()
@click.option("--only", default="", help="Kinds with this text in their name: faces32-own-jpeg.")
@click.option("--pictures", default=max(GENERATORS.values()), help="Of each kind, at most.")
@click.option(
    "--starts", default=InvertConfig.default_trials, show_default=True, help="Per picture."
)
@click.option("--list", "lists", is_flag=True, help="Print what is planned and done; invert none.")
@click.option("--keep", type=click.Path(path_type=Path), help="Write what is done; invert none.")
def main(only: str, pictures: int, starts: int, lists: bool, keep: Path | None) -> None:
    """Invert pictures of known origin, and print how often the verdict is wrong."""
    counts = {
        case: min(pictures, GENERATORS[case.generator])
        for case in list_cases()
        if only in case.name
    }
    if lists:
        for case, count in counts.items():
            click.echo(f"{count_verdicts(case, starts)['pictures']} of {count} {case.name}")
        return
    if not keep:
        paths = [make_pictures(case, count) for case, count in counts.items()]
        with ThreadPoolExecutor(CORES) as pool:
            list(pool.map(partial(invert, starts), counts, paths))
    kinds = [count_verdicts(case, starts) for case in counts]
    publish({"kinds": [kind for kind in kinds if kind["pictures"]]}, format_page, keep)


def invert(starts: int, case: Case, paths: Sequence[Path]) -> None:
    """Run `ganinv invert` on the pictures of a kind, on one core."""
    options = ("--checkpoint", FILES[case.generator], "--starts", starts)
    words = (*paths, *options, "--out", FOLDER / f"{case.name}.h5", "--quiet")
    command = (sys.executable, "-m", "ganinv_cli", "invert", *map(str, words))
    threads = os.environ | {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    if subprocess.run(command, stdout=subprocess.DEVNULL, env=threads).returncode:
        raise click.ClickException(f"{case.name} stopped; the same command continues it")
    click.echo(f"{case.name}: {len(paths)} pictures", err=True)


def count_verdicts(case: Case, starts: int) -> dict[str, Any]:
    """Return the counts of a kind, of its pictures that had all their starts."""
    try:
        run = read_run(FOLDER / f"{case.name}.h5")
        rows = [row for row in run.tables["invert"] if row["starts"] == starts]
    except ganinv.ResultsError:  # none yet
        return {"pictures": 0}
    chains = [row.get("chain") for row in rows if row["verdict"] == "made"]
    is_named, facts = CHANGES[case.change].is_named, run.store.attributes
    return case._asdict() | {
        "run": f"{starts} starts, {facts['device']}, ganinv at {facts['git'][:12]}",
        "pictures": len(rows),
        "verdicts": Counter(row["verdict"] for row in rows),
        # of those that are made; an older ganinv names none
        "right_chains": sum(chain is not None and is_named(chain) for chain in chains),
        "rmse": _find_median(row["rmse"] for row in rows),  # grey levels
        "excess": _find_median(row.get("excess") for row in rows),  # grey levels
    }


def format_page(study: Record) -> str:
    """Return all tables as Markdown."""
    kinds = study["kinds"]
    words = [word for word in VERDICTS if any(word in kind["verdicts"] for kind in kinds)]
    own = [kind for kind in kinds if kind["source"] == OWN]
    lossless, jpeg = (
        [kind for kind in kinds if kind["source"] != OWN and kind["change"] == change]
        for change in (LOSSLESS, JPEG)
    )
    far = [kind for kind in jpeg if kind["source"] not in NEAR_SIBLINGS]
    pools = {"all": jpeg, "all but siblings below 30 %": far}
    sections = {
        "Own pictures": _group(own, "change"),
        "Strangers, stored without loss": _group(lossless, "source") | {"all": lossless},
        "Strangers, as JPEG 75": _group(jpeg, "source") | pools,
        "Each generator": _group(kinds, "generator", "source", "change"),
    }
    text = "\n".join(
        format_section(title, [_make_row(*each, words) for each in groups.items() if each[1]])
        for title, groups in sections.items()
    )
    return f"{text}\n* Run: {'; '.join(sorted({kind['run'] for kind in kinds}))}.\n"


def _group(kinds: Iterable[Record], *keys: str) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = {}
    for kind in kinds:
        groups.setdefault(", ".join(kind[key] for key in keys), []).append(kind)
    return groups


def _make_row(name: str, kinds: Sequence[Record], words: Sequence[str]) -> dict[str, object]:
    """Return a row on some kinds together; RMSE and excess are medians over their medians."""
    pictures = sum(kind["pictures"] for kind in kinds)
    counts = {word: sum(kind["verdicts"].get(word, 0) for kind in kinds) for word in words}
    made = sum(kind["verdicts"].get("made", 0) for kind in kinds)
    right = f"{sum(kind['right_chains'] for kind in kinds)} of {made}"
    return {
        "pictures": name,
        "number": pictures,
        **counts,
        "called made": format_counted_share(made, pictures),
        **({"right change": right} if kinds[0]["source"] == OWN else {}),
        "RMSE": format_number(_find_median(kind["rmse"] for kind in kinds)),
        "excess": format_number(_find_median(kind["excess"] for kind in kinds)),
    }


def _find_median(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


if __name__ == "__main__":
    main()
