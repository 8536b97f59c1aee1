"""A run of random commits, kills, tears and finishes has what was committed, after each of them."""

import contextlib

import numpy as np
import pytest
from stored import KilledError, kill_after, make_provenance, make_rows, make_starts, merge

from ganinv_cli.results.store import columns, hdf5, log, open_run, read_results
from ganinv_cli.results.store.rows import get_numbers, make_empty

GROUPS = ("", "none", "variance=0.1/none", "images", "none/starts", "none/certificates")
OPTIONAL = ("label", "curve_loss", "polished/z_found", "target_float", "z_explained", "verdict")


def _draw_rows(draw, group):
    """Return up to 4 rows, some of them twice, some without optional columns or in float64."""
    numbers = draw.integers(0, 12, draw.integers(0, 5))
    if group.endswith("starts"):
        pieces = [make_starts([n // 3], [n % 3], group)[group] for n in [*numbers, 0]]
        rows = {
            name: np.concatenate([piece[name] for piece in pieces])[: len(numbers)]
            for name in pieces[0]
        }
    else:
        rows = {
            name: v[: len(numbers)] for name, v in make_rows([*numbers, 0], (group,))[group].items()
        }
    wide = draw.random() < 0.3
    chosen = {}
    for name, values in rows.items():
        if name in OPTIONAL and draw.random() < 0.5:
            continue
        is_float = columns.get_columns(group)[name].dtype == "float"
        if is_float:  # so that rows of one number differ
            values = values + np.float32(draw.integers(1000))
        chosen[name] = values / 3.0 if is_float and not wide else values
        if is_float:
            chosen[name] = chosen[name].astype(np.float64 if wide else np.float32)
    return chosen


class _Expected:
    """What was committed: the rows by group and number."""

    def __init__(self):
        self.rows = {}

    def add(self, commit):
        for group, rows in commit.items():
            known = self.rows.setdefault(group, {})
            for place, number in enumerate(get_numbers(rows).tolist()):
                row = {name: values[place] for name, values in rows.items()}
                kept = known.setdefault(number, row)
                if row.get("recoveries", 0) > kept.get("recoveries", 0):
                    known[number] = row

    def check(self, results):
        assert set(results.groups) == set(self.rows)
        for group, rows in self.rows.items():
            found = results.groups[group]
            assert get_numbers(found).tolist() == sorted(rows)
            for place, (number, row) in enumerate(sorted(rows.items())):
                for name, values in found.items():
                    dtype = np.dtype((values.dtype, values.shape[1:]))
                    expected = row.get(name, make_empty(dtype, 1)[0])
                    both = (np.asarray(each, dtype.base) for each in (values[place], expected))
                    assert len({each.tobytes() for each in both}) == 1, (group, number, name)


SEEDS = [
    0,
    *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 4)),
    *(pytest.param(seed, marks=pytest.mark.nightly) for seed in range(4, 200)),
]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_run_has_what_was_committed(path, monkeypatch, seed):
    draw = np.random.default_rng(seed)
    monkeypatch.setattr(hdf5, "CHUNK_BYTES", int(draw.choice([1, 500, 1 << 19])))
    monkeypatch.setattr(hdf5, "SLICE_CHUNKS", int(draw.choice([1, 3])))
    config = {"trials": 12, "images": 12, "shard": "1/2" if draw.random() < 0.3 else None}
    made_by, expected, is_begun = make_provenance(config=config), _Expected(), False
    for _ in range(6):
        with open_run(path, made_by) as run:
            if is_begun:
                expected.check(run.read())
            for _ in range(draw.integers(5)):
                chosen = draw.choice(GROUPS, draw.integers(1, 4), replace=False).tolist()
                commit = {group: _draw_rows(draw, group) for group in chosen}
                run.commit(commit, {"shared_gradients": np.array(float(draw.integers(3)))})
                expected.add(commit)
                is_begun = True
                if draw.random() < 0.3:
                    expected.check(run.read())
            if is_begun and draw.random() < 0.5:
                with monkeypatch.context() as patch, contextlib.suppress(KilledError):
                    if draw.random() < 0.5:
                        kill_after(patch, int(draw.integers(8)))
                    run.finish()
        file = log.name_log(path)
        if file.exists() and draw.random() < 0.5:  # a commit that a kill has torn
            kept = file.read_bytes()
            with open_run(path, made_by) as run:
                run.commit({"none": _draw_rows(draw, "none")} | {"": _draw_rows(draw, "")})
            torn = file.read_bytes()
            is_longer = len(torn) > len(kept)  # than what an earlier one has left
            cut = torn[: draw.integers(len(kept), len(torn))] if is_longer else kept
            file.write_bytes(cut)
        if is_begun:
            expected.check(read_results(path))
    if is_begun and any(expected.rows.get(group) for group in ("none", "none/starts")):
        merge(path.with_name("all.h5"), [path])
        expected.check(read_results(path.with_name("all.h5")))
