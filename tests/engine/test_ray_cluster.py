"""The resources of a Ray worker, and the version of ganinv on its node."""

from dataclasses import replace

import pytest

from ganinv_cli.engine.ray_cluster import choose_gpus
from ganinv_cli.engine.ray_worker import RayWorker
from ganinv_cli.errors import GaninvError, UsageError
from ganinv_cli.settings.config import RecoverConfig

CONFIG = RecoverConfig(engine="ray", batch_size=8)


@pytest.mark.parametrize(
    ("device", "per_worker", "of_cluster", "chosen"),
    [
        *[("auto", -1, 0, 0), ("auto", -1, 2, 1), ("cpu", -1, 2, 0), ("gpu", 0.5, 2, 0.5)],
        *[("auto", 0, 2, 0), ("gpu", -1, 0, 1)],
        *[("cpu", 1, 2, None), ("gpu", 0, 2, None), ("gpu:0", -1, 2, None), ("auto", 2, 2, None)],
    ],
)
def test_a_worker_gets_a_gpu_if_there_is_one(device, per_worker, of_cluster, chosen):
    config = replace(CONFIG, device=device, gpus_per_worker=per_worker)
    if chosen is None:
        with pytest.raises(UsageError, match="give auto, cpu or gpu, and at most 1 GPU"):
            choose_gpus(config, {"GPU": of_cluster})
    else:
        assert choose_gpus(config, {"GPU": of_cluster}) == chosen


def test_another_version_of_ganinv_is_refused():
    with pytest.raises(GaninvError, match=r"has ganinv .*, and this is 0\.0; install the same"):
        RayWorker(1, False).start("0.0", "float32", b"")
