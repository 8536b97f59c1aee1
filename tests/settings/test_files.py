"""Checkpoints, configs and TOML files are found and read, and wrong ones explained."""

from pathlib import Path

import pytest

from ganinv_cli.errors import CheckpointError, ConfigError
from ganinv_cli.formats.generator_toml import read_conventions
from ganinv_cli.settings import shipped as shipped_
from ganinv_cli.settings.config import RecoverConfig
from ganinv_cli.settings.conventions import Conventions
from ganinv_cli.settings.load import load
from ganinv_cli.settings.machine import is_mixed_precision
from ganinv_cli.settings.names import name_generators


@pytest.fixture(params=["wheel", "checkout"])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a checkpoint and two configs, used from an empty folder."""
    package = tmp_path / "root" / "ganinv_cli"
    shipped = package / "shipped" if request.param == "wheel" else package.parent
    (shipped / "checkpoints" / "portraits64").mkdir(parents=True)
    (shipped / "checkpoints" / "portraits64" / "DCGAN.model-9.index").touch()
    (shipped / "configs").mkdir()
    for name in ("quick.toml", "recover.toml"):
        (shipped / "configs" / name).touch()
    package.mkdir(exist_ok=True)
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    monkeypatch.setattr(shipped_, "_PACKAGE", package)
    return shipped


@pytest.mark.parametrize("name", ["configs/quick.toml", "./configs/quick", "quick.toml", "quick"])
def test_a_shipped_config_has_one_place_and_four_spellings(root: Path, name: str) -> None:
    assert shipped_.find("config", name) == root / "configs" / "quick.toml"


@pytest.mark.parametrize("name", ["checkpoints/portraits64", "portraits64", "portraits64/"])
def test_a_shipped_checkpoint_is_found_from_any_folder(root: Path, name: str) -> None:
    assert shipped_.find("checkpoint", name) == root / "checkpoints" / "portraits64"
    prefix = shipped_.find("checkpoint", f"{name}/DCGAN.model-9")
    assert prefix == root / "checkpoints" / "portraits64" / "DCGAN.model-9"


def test_the_users_own_comes_before_the_shipped(root: Path) -> None:
    for name in ("configs", "portraits64", "recover"):
        Path(name).mkdir()
    Path("configs/quick.toml").touch()
    assert shipped_.find("config", "configs/quick.toml") == Path("configs/quick.toml")
    assert shipped_.find("checkpoint", "portraits64") == Path("portraits64")
    assert shipped_.find("config", "recover") == root / "configs" / "recover.toml"  # of results


@pytest.mark.parametrize(
    ("kind", "name", "words"),
    [
        ("config", "nothing", "that ships: quick, recover$"),
        ("config", "../configs/quick", r"did you mean quick\?$"),
        ("config", "qiuck.toml", r"did you mean quick\?$"),
        ("checkpoint", "checkpoints/nothing", "that ships: portraits64$"),
        ("checkpoint", "https://host/g.pt", "is an address; download it first"),
    ],
)
def test_a_missing_file_is_explained(
    root: Path, kind: shipped_.ResourceKind, name: str, words: str
) -> None:
    error = ConfigError if kind == "config" else CheckpointError
    with pytest.raises(error, match=rf"^{name}.*{words}"):
        shipped_.find(kind, name)


WRONG = {
    "brackets": (b"seed = " + b"[" * 100_000, "is not TOML: "),
    "5,000 digits": (b"seed = " + b"9" * 5000, "is not TOML: "),
    "a long value": (b'seed = "' + b"x" * 100_000 + b'"', 'seed = "xxx'),
    "Latin-1": ('prior = "caf\xe9"'.encode("latin-1"), "is not TOML: 'utf-8' codec"),
    "no TOML": (b"seed 1", "is not TOML: Expected"),
    "another key": (b"sed = 1", 'has a setting "sed"; '),
}


def read(kind: str, folder: Path, content: bytes) -> int:
    """Return a setting of a config, or of a file of conventions; named `seed` in the content."""
    path = folder / "generator.toml"
    if kind == "config":
        path.write_bytes(content)
        return load(RecoverConfig, path, {}).seed
    path.write_bytes(content.replace(b"seed", b"labels"))
    return read_conventions(folder, Conventions())[0].labels


@pytest.mark.parametrize("kind", ["config", "conventions"])
@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_toml_file_is_refused_in_a_sentence(name: str, kind: str, tmp_path: Path) -> None:
    content, words = WRONG[name]
    with pytest.raises(ConfigError) as refused:
        read(kind, tmp_path, content)
    sentence = str(refused.value)
    assert sentence.startswith(str(tmp_path / "generator.toml"))
    assert words.replace("seed", "seed" if kind == "config" else "labels") in sentence
    assert len(sentence) < len(str(tmp_path)) + 600


@pytest.mark.parametrize("kind", ["config", "conventions"])
@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])  # Notepad writes a byte order mark
def test_windows_files_are_read(start: bytes, kind: str, tmp_path: Path) -> None:
    assert read(kind, tmp_path, start + b"# sizes\r\nseed = 12\r\n") == 12


def test_a_config_that_is_not_there_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"own\.toml cannot be read"):
        load(RecoverConfig, tmp_path / "own.toml", {})
    with pytest.raises(ConfigError, match="cannot be read"):
        load(RecoverConfig, tmp_path, {})


def test_generators_have_distinct_names_that_every_system_accepts() -> None:
    assert name_generators(["faces/weights.pt"]) == ["weights"]
    assert name_generators(["faces/w.pt", "cats/w.pt"]) == ["faces-w", "cats-w"]
    assert name_generators(["a.pt", "a.pth"]) == ["1-a", "2-a"]
    assert name_generators(["x/my face.pt"]) == ["my_face"]


@pytest.mark.parametrize(
    ("precision", "gpu", "flags", "mixed"),
    [
        ("auto", False, "fpu sse2 amx_bf16", True),
        ("auto", False, "fpu avx512_bf16", True),
        ("auto", False, "fpu avx512_bf16_not amx", False),
        ("auto", True, "", True),
        ("float32", True, "amx_bf16", False),
        ("mixed", False, "", True),
    ],
)
def test_gradients_are_bfloat16_if_that_is_fast_or_asked_for(
    precision: str, gpu: bool, flags: str, mixed: bool
) -> None:
    assert is_mixed_precision(precision, gpu, f"flags\t\t: {flags}\n") == mixed
