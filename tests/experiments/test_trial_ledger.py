"""Which trials run, which are left, and how many there are follows from the state of each."""

import numpy as np
import pytest

from ganinv_cli.errors import NothingToDoError
from ganinv_cli.experiments import trial_ledger
from ganinv_cli.experiments.image_plan import ImagesPlan
from ganinv_cli.experiments.invert.config import InvertConfig
from ganinv_cli.experiments.recover.config import RecoverConfig
from ganinv_cli.experiments.recover.plan import RecoverPlan
from ganinv_cli.experiments.trial_ledger import TrialLedger, TrialState
from ganinv_cli.jobs import Job

MISSING, RESUMED, RUNNING, ENDED, NOT_NEEDED = TrialState
ALL = np.array([[MISSING, RESUMED, RUNNING, ENDED, NOT_NEEDED]], np.uint8)


def test_trials_are_counted_by_their_states():
    assert trial_ledger.count_left(ALL) == 3
    assert trial_ledger.count_needed(ALL) == 4
    assert trial_ledger.count_jobs(ALL) == 1
    dropped = trial_ledger.drop_unfinished(ALL)
    assert dropped.tolist() == [[NOT_NEEDED] * 3 + [ENDED, NOT_NEEDED]]


def test_a_job_has_all_rules_that_miss_its_trial_and_a_coupled_one_a_rule():
    states = np.array([[MISSING, ENDED, MISSING], [MISSING, MISSING, ENDED]])
    assert trial_ledger.count_jobs(states) == 3
    assert trial_ledger.count_jobs(states, is_coupled=True) == 4


def test_first_trials_that_are_missing_and_released_may_run():
    states = np.array([[ENDED, MISSING, MISSING, MISSING], [MISSING, RUNNING, MISSING, MISSING]])
    released = trial_ledger.find_released(states, np.array([3, 1]))
    assert released.tolist() == [[False, True, True, False], [True, False, False, False]]


def test_coupled_trials_are_missing_together():
    joined = trial_ledger.join_coupled(np.array([[ENDED, MISSING], [ENDED, ENDED]]))
    assert joined.tolist() == [[MISSING, MISSING], [ENDED, ENDED]]


class Committed:
    """A run that has these rows."""

    def __init__(self, groups):
        self._groups = groups

    def read_group(self, name):
        none = {"image": np.zeros(0, int), "trial": np.zeros(0, int)}
        return self._groups.get(name, none)


def _make_ledger(trials=4, images=(5, 7), rules=("none", "stochastic"), **groups):
    config = InvertConfig(image=("a.png",), trials=trials, clip=rules)
    plan = ImagesPlan(config, solver=None, cases=dict.fromkeys(images, ""))
    ledger = TrialLedger(plan, groups.pop("begin", lambda image: True))
    ledger.read(Committed({f"{rule}/starts": rows for rule, rows in groups.items()}))
    return ledger


def _count(ledger):
    return ledger.trials_left, ledger.total, len(ledger)


def test_a_trial_that_is_interrupted_continued_and_then_not_needed():
    """Image 5 has trial 0 from before, and a saved batch has trial 1."""
    ledger = _make_ledger(none={"image": np.array([5]), "trial": np.array([0])})
    assert _count(ledger) == (15, 16, 8)
    job = Job(1, 5, ("none", "stochastic"))
    assert ledger.find_rules(job) == job.rules
    ledger.resume([job])
    assert _count(ledger) == (15, 16, 7) and ledger.find_rules(job) == ()
    taken = iter(ledger)
    assert next(taken) == Job(0, 5, ("stochastic",))
    assert ledger.is_needed(job, "none")
    ledger.drop(5, "none")
    assert not ledger.is_needed(job, "none") and ledger.is_needed(job, "stochastic")
    assert _count(ledger) == (12, 13, 7)  # stochastic has the same jobs
    assert next(taken) == Job(2, 5, ("stochastic",))
    ledger.end({"none/starts": {"image": np.array([5]), "trial": np.array([1])}})
    assert _count(ledger) == (12, 14, 7)  # it ended before it was dropped


def test_images_begin_one_after_the_other_as_far_as_their_trials_are_released():
    ledger = _make_ledger(rules=("none",))
    for image in (5, 7):
        ledger.release(image, "none", 2)
    taken = iter(ledger)
    first = [next(taken) for _ in range(5)]
    assert [job and (job.case, job.trial) for job in first] == [
        (5, 0),
        (5, 1),
        (7, 0),
        (7, 1),
        None,
    ]
    ledger.drop(5, "none")
    ledger.release(7, "none", 3)
    assert next(taken) == Job(2, 7, ("none",)) and next(taken) is None
    ledger.release(7, "none", 4)
    assert [job.trial for job in taken] == [3]


def test_the_trials_of_an_image_that_cannot_be_used_are_not_needed():
    ledger = _make_ledger(begin=lambda image: image == 7)
    assert {job.case for job in ledger} == {7}
    assert _count(ledger) == (8, 8, 4)


def test_other_cases_run_trial_by_trial_in_the_blocks_of_a_shard():
    config = RecoverConfig(trials=20, shard="2/2", clip=("none",))
    plan = RecoverPlan(config, solver=None, cases={0: "a", 1: "b"})
    ledger = TrialLedger(plan)
    ledger.read(Committed({"b/none": {"trial": np.array([3, 8])}}))
    jobs = [(job.trial, job.case) for job in ledger]
    assert jobs[:4] == [(8, 0), (9, 0), (9, 1), (10, 0)] and len(jobs) == len(ledger) == 15
    with pytest.raises(NothingToDoError, match="shard 2/2 has none of the 8 trials"):
        TrialLedger(RecoverPlan(RecoverConfig(trials=8, shard="2/2"), solver=None))
