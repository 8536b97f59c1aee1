"""A shard has whole images, or a part of the trials of each case."""

import pytest

from ganinv_cli.experiments.consistency.config import ConsistencyConfig
from ganinv_cli.experiments.image_plan import ImagesPlan
from ganinv_cli.experiments.invert.config import InvertConfig
from ganinv_cli.experiments.plan import Shards
from ganinv_cli.experiments.recover.config import RecoverConfig
from ganinv_cli.experiments.recover.plan import RecoverPlan
from ganinv_cli.jobs import UNSHARDED, Shard


@pytest.mark.parametrize(
    ("plan", "config", "has_images"),
    [
        (ImagesPlan, InvertConfig, True),
        (ImagesPlan, ConsistencyConfig, False),
        (RecoverPlan, RecoverConfig, False),
    ],
)
def test_a_shard_has_whole_images_of_invert_and_some_trials_of_all_else(plan, config, has_images):
    part = Shard(2, 3)
    whole = Shards(cases=UNSHARDED, trials=part)
    expected = Shards(cases=part, trials=UNSHARDED) if has_images else whole
    assert plan(config(shard="2/3"), solver=None).shards == expected
