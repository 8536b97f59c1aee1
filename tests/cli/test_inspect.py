"""`ganinv inspect` describes a checkpoint correctly, and reports a check that fails."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import builders
import conditional
import numpy as np
import pytest
from called import run_ganinv
from PIL import Image

from ganinv_cli.conversion.destination import parse_destination
from ganinv_cli.conversion.write import write_generator
from ganinv_cli.errors import UsageError
from ganinv_cli.inspection import checks, facts, spectrum
from ganinv_cli.inspection.descent import summarize_descent
from ganinv_cli.jacobian import find_spectrum
from ganinv_cli.network.checkpoint import Checkpoint
from ganinv_cli.network.graph import Node, chain, weight_arrays
from ganinv_cli.network.layers import Activation, Affine, Dense, Reshape
from ganinv_cli.network.make_generator import make_generator
from ganinv_cli.prior import Uniform
from ganinv_cli.report.inspect import tables
from ganinv_cli.report.inspect.conventions import format_conventions
from ganinv_cli.settings.conventions import Conventions
from ganinv_cli.statistics.descent_theory import Schedule, find_stable_rate, predict

# Keras asks its variables for an array as NumPy 1 did
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

CLAIMS = (
    "a picture depends on its own z",
    "float32",
    "pictures are equal to those",
    "derivatives agree",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a small checkpoint, `small`, and two Keras files."""
    made = tmp_path_factory.mktemp("inspected")
    small = builders.make_checkpoint(made / "small")
    write_generator(small, parse_destination(made / "small.keras", overwrite=False))
    write_generator(
        conditional.make_conditional_checkpoint(),
        parse_destination(made / "conditional.keras", overwrite=False),
    )
    return made


def test_json_is_all_there_is_on_stdout_and_says_what_the_checkpoint_is(folder):
    told = json.loads(run_ganinv(folder, "inspect", "small", "--json").stdout)
    checkpoint = builders.read(folder / "small")
    assert told["sha256"] == checkpoint.sha256
    assert (told["latent"], told["labels"]) == (6, 0)
    assert told["image"] == {"height": 16, "width": 16, "channels": 3}
    assert told["prior"] == {"name": "uniform:-1,1", "low": -1, "high": 1}
    assert told["range"] == {"black": -1, "white": 1, "function": "tanh", "mapped": False}
    assert told["batch_norm"] == {"layers": 2, "statistics": "moving"}
    assert len(told["layers"]) == len(checkpoint.network.nodes)
    sizes = [sum(a.size for a in weight_arrays(node.layer)) for node in checkpoint.network.nodes]
    assert [layer["parameters"] for layer in told["layers"]] == sizes
    assert told["parameters"] == sum(sizes)


def test_the_text_has_a_row_for_each_layer(folder):
    said = run_ganinv(folder, "inspect", "small").stdout
    for words in ("TensorFlow V2, layout C", "6 components", "16 x 16 pixels, colour", "2 layers"):
        assert words in said
    assert "ConvTranspose, 5 x 5, stride 2" in said
    assert "8 x 8 x 4" in said
    assert "takes" not in said  # each layer follows the one before


def test_an_assumed_convention_is_confirmed_up_to_the_last_batch_norm(folder):
    conventions = [
        {"name": name, "layer": layer, "value": "2", "source": "assumed", "discrepancy": None}
        | {"runner_up": None}
        for name, layer in (("strides", "a"), ("epsilon", "norm"), ("strides", "b"))
    ]
    kinds = {"a": "ConvTranspose", "norm": "BatchNorm", "b": "ConvTranspose"}
    layers = [{"name": name, "kind": kind} for name, kind in kinds.items()]
    facts = {"confirmed": True, "layers": layers}
    assert tables.list_confirmed_layers(facts) == ["a", "norm"]
    text = format_conventions(conventions, tables.list_confirmed_layers(facts))
    rows = [line.split() for line in text.splitlines()[2:]]
    assert rows == [
        ["strides", "2", "assumed,", "confirmed", "a"],
        ["strides", "2", "assumed", "b"],
        ["epsilon", "2", "assumed", "norm"],
    ]
    assert tables.list_confirmed_layers(facts | {"confirmed": False}) == []


def test_it_says_what_told_it_and_of_what_the_hash_is(folder):
    (folder / "told").mkdir()
    for name in ("generator.toml", "small.keras.toml"):
        prior, range_ = 'prior = "normal:2"\n', 'range = "tanh"\n'
        (folder / "told" / name).write_text(range_ if name == "generator.toml" else prior)
    (folder / "told" / "small.keras").write_bytes((folder / "small.keras").read_bytes())
    files = ["told/small.keras.toml", "told/generator.toml"]
    found = json.loads(run_ganinv(folder, "inspect", "told/small.keras", "--json").stdout)
    assert found["told"] == files
    said = run_ganinv(folder, "inspect", "told/small.keras").stdout
    lines = said.splitlines()
    assert [line.split()[1:] for line in lines if line.startswith("told")] == [
        ["by", file] for file in files
    ]
    assert f"hash sha256 of layers and weights, {found['sha256']}" in " ".join(said.split())


def test_it_says_what_a_layer_takes_where_that_is_not_the_layer_before(folder):
    said = run_ganinv(folder, "inspect", "conditional.keras").stdout
    row = next(line for line in said.splitlines() if "Concat" in line)
    assert row.endswith("z label")


def test_a_file_that_needs_no_tensorflow_is_shown_without_it(folder):
    run_ganinv(folder, "inspect", "small.keras")  # measures what its batch norms are compared with
    code = (
        "import sys; from ganinv_cli.cli import main; "
        "main(['inspect', 'small.keras'], standalone_mode=False); "
        "assert not {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_pixels_that_are_mapped_are_said_in_the_files_own_range():
    checkpoint = conditional.make_conditional_checkpoint()
    nodes = (*checkpoint.network.nodes[:-1],)
    end = len(nodes)
    nodes += (
        Node(Activation("sigmoid"), (end - 1,), "end"),
        Node(Affine(np.full(3, 2.0), np.full(3, -1.0)), (end,), facts.RANGE_LAYER),
    )
    network = replace(checkpoint.network, nodes=nodes)
    told = facts.describe_checkpoint(replace(checkpoint, network=network))
    assert told["range"] == {"black": 0, "white": 1, "function": "sigmoid", "mapped": True}
    assert told["layers"][-1]["name"] == "end"
    assert told["parameters"] == network.parameters - 6
    assert "sigmoid, from 0 to 1, mapped to -1 to 1" in tables.format_facts(told)


def test_nothing_from_a_file_is_obeyed_by_a_terminal():
    told = facts.describe_checkpoint(conditional.make_conditional_checkpoint())
    told["layers"][0]["name"] = "\x1b[31mred\nrow"
    told["ignored"] = ["\x1b]0;title\x07"]
    assert not {"\x1b", "\x07"} & set(tables.format_facts(told))


def test_all_that_was_ignored_is_counted_and_named_on_demand():
    told = facts.describe_checkpoint(conditional.make_conditional_checkpoint()) | {
        "ignored": [f"d_{n}" for n in range(30)]
    }
    assert "30: d_0, d_1, d_2, d_3, d_4, d_5 and 24 more" in tables.format_facts(told)
    assert "d_29" in tables.format_facts(told, verbose=True)


def test_singular_values_are_those_of_the_jacobian():
    weights = np.random.default_rng(0).normal(size=(5, 48)).astype(np.float32)
    weights[4] = weights[3]  # one direction does not move the image
    generator = builders.build_generator(
        Dense(weights, np.zeros(48, np.float32)), Reshape((4, 4, 3))
    )
    found = spectrum.measure_spectrum(generator, 0, 3)
    expected = np.linalg.svd(weights.astype(np.float64), compute_uv=False)
    np.testing.assert_allclose(found.values, np.tile(expected, (3, 1)), atol=1e-12 * expected[0])
    told = spectrum.summarize_spectrum(found)
    assert told["rank"] == {"least": 4, "most": 4, "of": 5}
    assert told["flat_points"] == 3
    assert told["weak"]["median"] == told["weak"]["most"] == 1
    assert told["condition"]["median"] == pytest.approx(expected[0] / expected[3])
    assert "do not move the image at all" in " ".join(tables.describe_spectrum(told))


def test_a_generator_that_never_moves_has_no_condition():
    zeros = Dense(np.zeros((5, 48), np.float32), np.zeros(48, np.float32))
    told = spectrum.summarize_spectrum(
        spectrum.measure_spectrum(builders.build_generator(zeros, Reshape((4, 4, 3))), 0, 2)
    )
    assert told["condition"] == {"median": None, "worst": None}
    assert "no z can be told" in " ".join(tables.describe_spectrum(told))


def test_a_jacobian_that_is_too_large_is_refused(monkeypatch):
    weights = np.random.default_rng(1).normal(size=(7, 48)).astype(np.float32)
    generator = builders.build_generator(
        Dense(weights, np.zeros(48, np.float32)), Reshape((4, 4, 3))
    )
    monkeypatch.setattr(spectrum, "MAX_VALUES", 7 * 48 - 1)
    with pytest.raises(UsageError, match="7 x 48 values"):
        spectrum.measure_spectrum(generator, 0, 1)


def test_pictures_that_are_not_finite_pass_no_check(folder):
    weights = np.full((5, 48), 3e38, np.float32)
    layers = Dense(weights, np.zeros(48, np.float32)), Reshape((4, 4, 3)), Activation("tanh")
    checkpoint = Checkpoint(
        chain(5, (*layers, Affine(*np.full((2, 3), np.inf)))), Uniform(), *"abc"
    )
    generator = make_generator(checkpoint)
    found = checks.to_json(
        checks.check_generator(generator, checkpoint, folder / "small", Conventions(), -1, 0)
    )
    assert found[0]["passed"] is False and found[0]["found"] is None
    assert "not finite" in tables.describe_check(found[0])


def test_the_numbers_of_the_spectrum_stand_in_json_and_the_plot_in_a_file(folder):
    arguments = ("--spectrum", "s.svg", "--points", 3, "--json", "--label", 1)
    said = run_ganinv(folder, "inspect", "conditional.keras", *arguments).stdout
    told = json.loads(said)["spectrum"]
    generator = make_generator(builders.read(folder / "conditional.keras"), label=1)
    values = spectrum.measure_spectrum(generator, 0, 3).values
    np.testing.assert_allclose(told["singular_values"], values, rtol=1e-12)
    assert told["condition"]["worst"] == pytest.approx((values[:, 0] / values[:, -1]).max())
    assert (folder / "s.svg").read_text().startswith("<?xml")


def test_what_theory_says_of_descent_stands_in_json_and_text(folder):
    arguments = (
        "inspect",
        "conditional.keras",
        "--spectrum",
        "t.svg",
        "--points",
        1,
        "--overwrite",
    )
    told = json.loads(run_ganinv(folder, *arguments, "--json").stdout)["spectrum"]["descent"]
    generator = make_generator(builders.read(folder / "conditional.keras"))
    found = find_spectrum(generator)
    largest, least = found.eigenvalues.max(1), found.eigenvalues.min(1)
    assert told["condition"]["median"] == pytest.approx(np.median(largest / least))
    assert told["condition"]["worst"] == pytest.approx((largest / least).max())
    assert told["stable_rate"] == find_stable_rate(found.eigenvalues)
    rates = {"authors": 1.0, "half": 0.5, "stable": told["stable_rate"]}
    rows = [(row["name"], row["rate"], row["updates"]) for row in told["theory"]]
    assert rows == [(name, rates[name], n) for name in rates for n in (20_000, 100_000)]
    for row in told["theory"]:
        expected = predict(*found, Schedule(row["rate"], row["updates"], 50_000))
        assert expected._asdict() == {"points": 40} | {
            name: row[name] for name in ("beyond", "beyond_at_end", "least", "most")
        }
    text = run_ganinv(folder, *arguments).stdout
    assert f"{told['stable_rate']:g} (stable)" in text
    assert "share of z for which the rate is above the stability" in " ".join(text.split())


def test_theory_is_silent_if_no_image_depends_on_z():
    zeros = Dense(np.zeros((5, 48), np.float32), np.zeros(48, np.float32))
    still = builders.build_generator(zeros, Reshape((4, 4, 3)))
    assert summarize_descent(find_spectrum(still)) is None


def test_a_sheet_has_a_row_a_label(folder):
    run_ganinv(folder, "inspect", "conditional.keras", "--sheet", "labels.png")
    run_ganinv(folder, "inspect", "small", "--sheet", "plain.png")
    across, gap = 8, 2
    for name, rows in (("labels.png", conditional.LABELS), ("plain.png", 8)):
        with Image.open(folder / name) as sheet:
            assert sheet.size == (across * (16 + gap) - gap, rows * (16 + gap) - gap)


@pytest.mark.parametrize("label", [(), ("--label", 2)], ids=["each", "one"])
def test_every_check_passes_on_a_keras_file(folder, label):
    said = run_ganinv(folder, "inspect", "conditional.keras", "--check", "--json", *label).stdout
    found = json.loads(said)["checks"]
    assert [check["passed"] for check in found] == [True, None, True, True, None, True]
    assert all(check["found"] is not None for check in (*found[:4], found[5]))
    assert found[4]["why"] == "no batch norms were found"


def test_what_holds_no_program_is_not_said_to_agree_with_one(folder):
    said = run_ganinv(folder, "inspect", "small", "--check", code=1).stdout
    (line,) = (line for line in said.splitlines() if CLAIMS[2] in line)
    assert "not checked: the file holds weights alone, no program" in line


def test_statistics_that_are_not_the_networks_fail_the_check_and_are_listed(folder):
    result = run_ganinv(folder, "inspect", "small", "--check", code=1)
    assert (
        "FAILED the statistics stored in the batch norms fit this network and prior"
        in result.stdout
    )
    assert "doubt          no prior fits its moving averages" in result.stdout
    assert re.search(r"^generator/g_bn1 +[\d.]+ +[\d.]+ +do not fit$", result.stdout, re.MULTILINE)
    told = json.loads(run_ganinv(folder, "inspect", "small", "--json").stdout)
    assert told["confirmed"] is False and told["doubt"] in " ".join(result.stdout.split())
    assert [norm["name"] for norm in told["norms"]] == ["generator/g_bn0", "generator/g_bn1"]
    assert set(told["norms"][0]) == {"name", "variance", "mean", "fits"}


def test_a_check_that_fails_is_named_and_ends_in_1(folder, monkeypatch):
    def other(checkpoint, path, conventions):
        return lambda z, labels: np.zeros((len(z), *checkpoint.network.shapes[-1]))

    monkeypatch.setattr(checks, "load_original", other)
    result = run_ganinv(folder, "inspect", "small.keras", "--check", code=1)
    assert "FAILED pictures are equal to those of the program" in result.stdout
    assert result.stderr.count("\n") == 1
    assert "the check failed that pictures are equal to those of the program" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("small", "--sheet", "sheet.jpg"), "must end in .png"),
        (("small", "--sheet", "none/sheet.png"), "does not exist"),
        (("small", "--spectrum", "s.txt"), "must end in .png or .pdf or .svg"),
        (("small", "--sheet", "there.png"), "--overwrite"),
        (("small", "--label", "0"), "no labels"),
        (("conditional.keras", "--label", "3"), "labels 0 to 2"),
        (("nothing",), "no such checkpoint"),
        (
            ("small", "--points", "4"),
            "--points has no effect: it is the number of z for --spectrum",
        ),
        (("small", "--seed", "0"), "--seed has no effect: no z is drawn without --sheet"),
    ],
)
def test_a_mistake_is_one_sentence(folder, arguments, words):
    (folder / "there.png").write_bytes(b"mine")
    result = run_ganinv(folder, "inspect", *arguments, code=2)
    assert result.stderr.startswith("Error: ") and result.stderr.count("\n") == 1
    assert words in result.stderr
    assert result.stdout == ""
    assert (folder / "there.png").read_bytes() == b"mine"
