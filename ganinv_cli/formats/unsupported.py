"""Files and networks that ganinv does not read, each with a sentence on what works instead."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, NoReturn

from ganinv_cli.errors import to_printable
from ganinv_cli.formats.detect import FileFacts, Format
from ganinv_cli.formats.interface import UnreadableError
from ganinv_cli.images.files import SUFFIXES as IMAGE_SUFFIXES
from ganinv_cli.settings.conventions import Conventions

EXPORT_TO_ONNX = (
    "export the generator to ONNX where it was made (torch.onnx.export, see ganinv inspect --help)"
)
_TORCH_MAGIC = 0x1950A86A20F9469CFC6C.to_bytes(10, "little")  # in the first pickle of torch.save
_PICTURES = re.compile(
    rb"\x89PNG\r\n|\xff\xd8\xff|GIF8|II\*\0|MM\0\*|RIFF.{4}WEBP|BM.{4}\0{4}", re.S
)
_ARCHIVES = re.compile(rb"\x1f\x8b\x08|BZh|\xfd7zXZ|7z\xbc\xaf|\x28\xb5\x2f\xfd|.{257}ustar", re.S)
_WEB_PAGE = re.compile(rb"\s*<(!doctype|html|\?xml)", re.I)


class UnsupportedFile(NamedTuple):
    """A kind of file that is recognised only to explain what works instead."""

    sentence: str  # goes on after "PATH: "
    matches: Callable[[FileFacts], bool]


def _has_member(*endings: str) -> Callable[[FileFacts], bool]:
    return lambda facts: any(f"/{name}".endswith(endings) for name in facts.members)


def _begins(pattern: bytes | re.Pattern[bytes]) -> Callable[[FileFacts], bool]:
    return lambda facts: bool(re.match(pattern, facts.first_bytes))


def _has_suffix(*suffixes: str) -> Callable[[FileFacts], bool]:
    return lambda facts: facts.path.suffix in suffixes and facts.path.exists()


def _is_pickle(*words: bytes) -> Callable[[FileFacts], bool]:
    """Match pickles that torch.save did not write, and that have one of the words if any."""

    def matches(facts: FileFacts) -> bool:
        head = facts.first_bytes
        is_pickle = head[:1] == b"\x80" and b"\1" < head[1:2] <= b"\5"
        return (
            is_pickle
            and _TORCH_MAGIC not in head[:64]
            and (not words or any(word in head for word in words))
        )

    return matches


def _is_old_pickle(facts: FileFacts) -> bool:
    """Match a pickle of protocol 0 or 1 by its name and its end; it starts like text."""
    if facts.path.suffix not in (".pkl", ".pickle") or not facts.size:
        return False
    with facts.path.open("rb") as file:
        file.seek(-1, 2)
        return file.read() == b"."


def _is_image_name(name: str) -> bool:
    return Path(name).suffix.lower() in IMAGE_SUFFIXES


def _is_note(name: str) -> bool:
    """Return whether a name is of a folder, a hidden file, or a file of notes on images."""
    suffixes = (".txt", ".csv", ".json", ".md", ".xml")
    return name.endswith(("/", *suffixes)) or Path(name).name.startswith(".")


def _is_image_folder(path: Path) -> bool:
    if not path.is_dir():
        return False
    names = [each.name for each in path.iterdir() if each.is_file()]
    is_known = all(_is_image_name(name) or _is_note(name) for name in names)
    return is_known and "training.json" not in names and any(map(_is_image_name, names))


FILES = (
    UnsupportedFile(
        "is a program of torch.export, which is code and is not run; " + EXPORT_TO_ONNX,
        _has_member("/models/model.json", "/archive_format", "/serialized_exported_program.json"),
    ),
    UnsupportedFile(
        "is a TorchScript program (torch.jit.save), which is code and is not run; "
        + EXPORT_TO_ONNX,
        _has_member("/constants.pkl"),
    ),
    UnsupportedFile(
        "is an encoder of ganinv train-encoder; --start encoder finds it beside the generator's "
        "file, so give that file, e.g. netG.pth",
        lambda facts: {*facts.members} == {"weights.npy", "bias.npy", "json.npy"},
    ),
    UnsupportedFile(
        "holds latent vectors, not a generator; give it to ganinv sample, as --z",
        lambda facts: facts.path.suffix == ".npz" and "z.npy" in facts.members,
    ),
    UnsupportedFile(
        "is an archive of NumPy arrays, which do not say what network they belong to; "
        + EXPORT_TO_ONNX,
        lambda facts: bool(facts.members) and all(n.endswith(".npy") for n in facts.members),
    ),
    UnsupportedFile(
        "is a NumPy array, not a generator; give the generator's file, e.g. netG.pth",
        _begins(b"\x93NUMPY"),
    ),
    UnsupportedFile(
        "is a StyleGAN in a pickle of TensorFlow 1 (dnnlib), which is code and is not run; convert "
        f"it with legacy.py of NVIDIA's stylegan2-ada-pytorch, and {EXPORT_TO_ONNX}",
        _is_pickle(b"dnnlib.tflib", b"dnnlib", b"tfutil"),
    ),
    UnsupportedFile(
        "is a StyleGAN in a pickle with its code (torch_utils.persistence), which is not run; load "
        f"it with NVIDIA's program, and {EXPORT_TO_ONNX}",
        _is_pickle(b"torch_utils"),
    ),
    UnsupportedFile(
        "is a pickle, but not one of torch.save; a pickle is code and is not run: in the program "
        f"that wrote it, save the weights with torch.save(G.state_dict(), …), or {EXPORT_TO_ONNX}",
        lambda facts: _is_pickle()(facts) or _is_old_pickle(facts),
    ),
    UnsupportedFile(
        "is a TensorFlow Lite model; give the Keras file or the SavedModel that it was made from",
        _begins(re.compile(rb".{4}TFL3", re.S)),
    ),
    UnsupportedFile(
        "is a Core ML model; give the file that it was made from, or " + EXPORT_TO_ONNX,
        _has_suffix(".mlmodel", ".mlpackage"),
    ),
    UnsupportedFile(
        "holds weights of JAX, which do not say how they are used; export the generator as a "
        "SavedModel by jax.experimental.jax2tf and tf.saved_model.save",
        lambda facts: (
            _has_suffix(".msgpack")(facts)
            or facts.folder_matches("manifest.ocdbt", "_CHECKPOINT_METADATA", "*/manifest.ocdbt")
        ),
    ),
    UnsupportedFile(
        "is a diffusion pipeline, which makes an image in many steps; give a generator that makes "
        "an image from a latent vector, e.g. of a GAN",
        lambda facts: facts.folder_matches("model_index.json"),
    ),
    UnsupportedFile(
        "is an image, not a generator; invert it with ganinv invert IMAGE, and give the "
        "generator's file as --checkpoint, e.g. netG.pth",
        _begins(_PICTURES),
    ),
    UnsupportedFile(
        "is a folder of images, not a generator; invert them with ganinv invert FOLDER, and give "
        "the generator's file as --checkpoint, e.g. netG.pth",
        lambda facts: _is_image_folder(facts.path),
    ),
    UnsupportedFile(
        "is an archive of images, not a generator; ganinv train can train one on them",
        lambda facts: (
            any(_is_image_name(name) for name in facts.members)
            and all(_is_image_name(name) or _is_note(name) for name in facts.members)
        ),
    ),
    UnsupportedFile(
        "is the folder of a training that has written no checkpoint yet; run its ganinv train "
        "again, which continues it",
        lambda facts: facts.folder_matches("training.json") and not facts.folder_matches("*.index"),
    ),
    UnsupportedFile(
        "is a config file, not a generator; give it as --config, and the generator's file as "
        "--checkpoint, e.g. netG.pth",
        _has_suffix(".toml"),
    ),
    UnsupportedFile(
        "is a compressed archive; unpack it, and give the generator's file in it",
        _begins(_ARCHIVES),
    ),
    UnsupportedFile(
        "is a pointer of Git LFS without the file; run git lfs pull in its folder",
        _begins(b"version https://git-lfs"),
    ),
    UnsupportedFile(
        "is a web page; download the file itself, on Hugging Face by the link 'download'",
        _begins(_WEB_PAGE),
    ),
    UnsupportedFile(
        "is empty; copy it again from its source", lambda facts: facts.is_file and not facts.size
    ),
    UnsupportedFile(
        "is a zip archive in no format that ganinv reads; unpack it and give the generator's file "
        "in it",
        lambda facts: (
            facts.is_zip
            and "config.json" not in facts.members
            and not _has_member("/data.pkl")(facts)
        ),
    ),
)

# names of tensors in a file of weights -> the kind of network
_NETWORKS = (
    (
        re.compile(
            r"(^|\.)(time_?(emb|mlp|proj)|post_quant_conv|diffusion_model|first_stage_model|"
            r"denoise_fn|lora_unet)"
        ),
        "a diffusion model, which makes an image in many steps; give a generator that makes an "
        "image from a latent vector, e.g. of a GAN",
    ),
    (
        re.compile(r"(^|\.)(mapping|synthesis|style|to_?rgbs?\d*)\.", re.I),
        "a StyleGAN, and weights alone do not say how its parts are joined; " + EXPORT_TO_ONNX,
    ),
    (
        re.compile(r"(^|\.)(embed_tokens|lm_head|self_attn|attention\.(self|output)|cls_token)"),
        "a transformer, and weights alone do not say how its parts are joined; if it makes "
        f"an image from a latent vector, {EXPORT_TO_ONNX}",
    ),
)


def explain_network(names: Iterable[str]) -> str:
    """Return the kind of network by its names of tensors, with what to do; "" if unknown."""
    names = sorted(names)
    for pattern, sentence in _NETWORKS:
        for name in names:
            if pattern.search(name):
                return f"holds {to_printable(name)[:80]} and so is {sentence}"
    return ""


def read(path: Path, conventions: Conventions) -> NoReturn:
    """Raise UnreadableError with the sentence for the file."""
    raise UnreadableError(_find_sentence(FileFacts(path)))


def _find_sentence(facts: FileFacts) -> str:
    return next((each.sentence for each in FILES if each.matches(facts)), "")


FORMAT = Format("a generator", read, lambda facts: bool(_find_sentence(facts)))
