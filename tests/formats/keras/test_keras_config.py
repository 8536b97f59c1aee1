"""A config that describes no model, or one without bounds, is refused in a sentence."""

from pathlib import Path

import keras_files as kf
import pytest
from builders import assert_refused

VAST = kf.layer_config("ZeroPadding2D", "p", padding=1 << 20)


@pytest.mark.parametrize(
    ("config", "says"),
    [
        ("[" * 100_000, "nested too deeply"),
        ("not JSON", "is not JSON"),
        ("[1, 2]", "describes no model"),
        ('{"class_name": "Functional", "config": {"layers": []}}', "not one that Keras wrote"),
        ('{"class_name": "Sequential", "config": 3}', "not one that Keras wrote"),
        (
            kf.sequential_config(*[kf.layer_config("ReLU", f"r{n}") for n in range(3000)]),
            "3,001 layers",
        ),
        (kf.sequential_config(kf.layer_config("Dense", "d", units="many")), "units 'many'"),
        (
            kf.sequential_config(kf.layer_config("Dense", "d", units=1 << 80)),
            "a whole number from 1",
        ),
        (
            kf.sequential_config(kf.layer_config("Reshape", "r", target_shape=[3, 0])),
            "target_shape",
        ),
        (
            kf.sequential_config(kf.layer_config("Reshape", "r", target_shape=[2, 2, 1]), VAST),
            "at most 67",
        ),
    ],
)
def test_a_config_that_is_none_is_refused(config: object, says: str, tmp_path: Path) -> None:
    assert_refused(kf.write_archive(tmp_path / "g.keras", config), says)


def test_layers_that_feed_one_another_in_a_circle_are_refused(tmp_path: Path) -> None:
    layers = [
        (kf.layer_config("ReLU", "a"), kf.inbound_nodes("b")),
        (kf.layer_config("ReLU", "b"), kf.inbound_nodes("a")),
    ]
    path = kf.write_archive(tmp_path / "g.keras", kf.functional_config(layers, "b"))
    assert_refused(path, "a takes the output of b, which is missing or itself depends on a")


def test_models_in_models_that_double_each_time_are_refused(tmp_path: Path) -> None:
    inner = kf.layer_config("Dropout", "none", rate=0.5)
    for depth in range(15):
        layers = [({**inner}, [*kf.inbound_nodes("z"), *kf.inbound_nodes(inner["config"]["name"])])]
        inner = kf.functional_config(layers, inner["config"]["name"])
        inner["config"]["name"] = f"m{depth}"
        inner["config"]["output_layers"][0][1] = 1
    path = kf.write_archive(tmp_path / "g.keras", inner)
    assert_refused(path, "is it a generator of pictures?")
