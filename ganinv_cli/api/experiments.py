"""The experiments of the paper, and the inversion of images, as functions."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ganinv_cli.api.generator import LoadedGenerator
from ganinv_cli.api.inversion import Inversion, make_inversion
from ganinv_cli.api.pictures import convert_images
from ganinv_cli.api.results import RunResults, read_run
from ganinv_cli.api.session import Session, load_config, load_run_generator, open_session
from ganinv_cli.errors import ConfigError
from ganinv_cli.files.temporary import make_temporary_folder
from ganinv_cli.progress import SILENT, Reporter
from ganinv_cli.progress.terminal import show_on_terminal
from ganinv_cli.settings.config import (
    Config,
    ConsistencyConfig,
    ImagesConfig,
    InvertConfig,
    NoiseSweepConfig,
    RecoverConfig,
)
from ganinv_cli.settings.load import check_keywords

if TYPE_CHECKING:
    from ganinv_cli.experiments.images import ImageRun

Kind = TypeVar("Kind", bound=Config)
Images = TypeVar("Images", bound=ImagesConfig)
Returned = TypeVar("Returned")
GeneratorLike = LoadedGenerator | str | Path | None
Rules = str | Sequence[str] | None


def recover(
    generator: GeneratorLike = None,
    *,
    trials: int | None = None,
    rule: Rules = None,
    solver: str | None = None,
    seed: int | None = None,
    device: str | None = None,
    engine: str | None = None,
    config: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool | Reporter = False,
    **settings: Any,
) -> RunResults:
    """Recover known latent vectors: Table 1 of the paper, as `ganinv recover` does.

    Draws latent vectors from the prior, makes their images, and recovers each under every clipping
    rule from the same start.

    Args:
        generator: from `load`, or what `load` takes; None: the config's, or the default one.
        trials: latent vectors to recover, 1 to 2³¹; default 1000.
        rule: clipping rules: "none", "standard", "stochastic" or "wall", or several of them;
            default the first three.
        solver: "lbfgs" (the default) or "gd", the paper's gradient descent.
        seed: seed for all random numbers, 0 to 2³² - 1; default 0.
        device: "auto", "cpu", "gpu", or some GPUs, e.g. "gpu:0,1".
        engine: "local" or "ray".
        config: TOML file with settings, or the name of a shipped one, e.g. "paper-text".
        out: results file. Finished trials are saved there during the run, the same call goes on
            after an interruption, and more trials extend it. None: results are kept in memory.
        overwrite: whether to start again if `out` exists.
        progress: whether to show progress on stderr, or what shows it (`ganinv_cli.progress`).
        settings: any other setting of a config file, e.g. restarts=0, budget=1e5,
            gd={"learning_rate": "stable"}.

    Returns:
        The results. Trials that failed are results, not errors.

    Raises:
        ConfigError: a setting has a wrong name or value.
        ResultsError: `out` holds another run, or another process is writing it.

    Examples:
        >>> t = ganinv.recover("faces16", trials=4, rule="stochastic", seed=1)
        >>> row = t.tables["table1"][0]
        >>> row["technique"], row["trials"], row["recovered"]["1e-4"]
        ('stochastic', 4, 4)
        >>> t.columns("stochastic")["z_found"].shape
        (4, 100)
    """
    given = _collect(locals(), settings)
    return _run(RecoverConfig, "recover", given, run_recover)[0]


def noise_sweep(
    generator: GeneratorLike = None,
    *,
    trials: int | None = None,
    variances: Sequence[float] | None = None,
    rule: Rules = None,
    solver: str | None = None,
    seed: int | None = None,
    device: str | None = None,
    engine: str | None = None,
    config: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool | Reporter = False,
    **settings: Any,
) -> RunResults:
    """Recover latent vectors from noisy images: Figure 2, as `ganinv noise-sweep` does.

    Args:
        trials: latent vectors to recover at each variance; default 100.
        variances: of the Gaussian noise, for pixels in [-1, 1]; each 0 or more.

    The other arguments, the result and the errors are those of `recover`.

    Examples:
        >>> t = ganinv.noise_sweep("faces16", trials=2, variances=[0.001, 0.1], rule="none")
        >>> t.groups
        ['variance=0.001/none', 'variance=0.1/none']
    """
    given = _collect(locals(), settings)
    return _run(NoiseSweepConfig, "noise-sweep", given, run_noise_sweep)[0]


def consistency(
    generator: GeneratorLike,
    images: Any,
    *,
    trials: int | None = None,
    rule: Rules = None,
    solver: str | None = None,
    seed: int | None = None,
    device: str | None = None,
    engine: str | None = None,
    config: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool | Reporter = False,
    **settings: Any,
) -> RunResults:
    """Recover each image many times: Table 2 of the paper, as `ganinv consistency` does.

    Args:
        images: as for `invert`.
        trials: recoveries of each image under each rule; default 100.

    The other arguments, the result and the errors are those of `recover`.

    Examples:
        >>> G = ganinv.load("faces16")
        >>> t = ganinv.consistency(G, G(G.draw_z(1, seed=3)), trials=4, rule="none")
        >>> t.tables["table2"][0]["recoveries"]
        4
    """
    given = _collect(locals(), settings)
    results, found = _run(ConsistencyConfig, "consistency", given, ImageExperiment(images))
    return results.select_images(found.images)


def invert(
    generator: GeneratorLike,
    images: Any,
    *,
    rule: str | None = None,
    starts: int | None = None,
    solver: str | None = None,
    seed: int | None = None,
    device: str | None = None,
    engine: str | None = None,
    config: str | Path | None = None,
    out: str | Path | None = None,
    overwrite: bool = False,
    progress: bool | Reporter = False,
    **settings: Any,
) -> Inversion:
    """Find the latent vectors of images, each with a verdict, as `ganinv invert` does.

    Args:
        generator: from `load`, or what `load` takes; None: the config's, or the default one.
        images: one image or several: paths of files (with .npy and .npz) or folders, PIL images,
            or arrays: (h, w, c) or (n, h, w, c), uint8 from 0 to 255, or floats from -1 to 1, which
            are rounded to 8 bits. An image of another size is cropped to its middle square and
            resized.
        rule: one clipping rule; default "stochastic".
        starts: starts for each image, of which the best is kept; default 8.

    The other arguments are those of `recover`, and the settings of `invert`, e.g. crop="none",
    mask="glasses.png". With `out`, images that the file holds already are not done again.

    Returns:
        One row per image, in the order given.

    Raises:
        ImageError: an image cannot be read, or an array is no image.
        ConfigError: a setting has a wrong name or value.
        ResultsError: `out` holds another run, or another process is writing it.

    Source:
        The optimisation and the clipping rules are those of Lipton & Tripathi 2017, section 2.

    Examples:
        >>> G = ganinv.load("faces16")
        >>> z = G.draw_z(2, seed=3)
        >>> r = ganinv.invert(G, G(z), starts=2, seed=0)
        >>> r.z.shape, r.verdict
        ((2, 100), ['made', 'made'])
        >>> bool(abs(r.z - z).max() < 0.05), r.agreement.tolist(), r.inside.tolist()
        (True, [1.0, 1.0], [True, True])
    """
    given = _collect(locals(), settings) | ({} if starts is None else {"trials": starts})
    if rule is not None and not isinstance(rule, str):
        raise ConfigError("invert takes one clipping rule; to compare rules, call it for each")
    results, found = _run(InvertConfig, "invert", given, ImageExperiment(images))
    return make_inversion(results.select_images(found.images))


def open_results(path: str | Path) -> RunResults | Inversion:
    """Open a results file, also of a run in progress.

    Args:
        path: a file that a command or a function of ganinv has written, e.g. "recover.h5".

    Returns:
        An `Inversion` for results of `invert`, else `RunResults`.

    Raises:
        ResultsError: there are no results, or the file is damaged or from a newer ganinv.

    Examples:
        >>> t = ganinv.recover("faces16", trials=2, rule="none", out="recover.h5")
        >>> ganinv.open("recover.h5").answer == t.answer
        True
    """
    run = read_run(Path(path))
    return make_inversion(run) if run.command == "invert" else run


def run_recover(session: Session[RecoverConfig]) -> None:
    """Run the experiment of `recover`."""
    from ganinv_cli.experiments.recover import recover

    session.run(recover)


def run_noise_sweep(session: Session[NoiseSweepConfig]) -> None:
    """Run the experiment of `noise_sweep`."""
    from ganinv_cli.experiments.noise_sweep import run_noise_sweep

    session.run(run_noise_sweep)


@dataclass(frozen=True)
class ImageExperiment:
    """The experiment of `invert` and `consistency`."""

    images: Any = None  # of this program; None: the files of the config
    figure_folder: Path | None = None  # if it is not the results file's own

    def __call__(self, session: Session[Images]) -> "ImageRun":
        """Run it; return the images, and the files that are not images."""
        from ganinv_cli.experiments.image_files import describe_changes
        from ganinv_cli.experiments.images import read_pictures, run_images

        folder = self.figure_folder or session.out.with_suffix("")
        generator = session.engine.generator
        if self.images is None:
            pictures = read_pictures(session.config, generator, folder)
        else:
            pictures = convert_images(self.images, generator, session.config.crop, folder)
            names = tuple(picture.name for picture in pictures)
            session = replace(session, config=replace(session.config, image=names))
        for line in describe_changes(pictures):
            session.reporter.say(line)
        images = session.run(partial(run_images, pictures=pictures))
        for line in images.renamed:
            session.reporter.say(line)
        return images


_CALL = ("generator", "config", "out", "overwrite", "progress")


def _collect(arguments: dict[str, Any], settings: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a function that are settings of a config, and those in _CALL."""
    names = {"rule": "clip"}
    others = {"settings", "images", "starts"}
    given = {names.get(key, key): value for key, value in arguments.items() if key not in others}
    return given | settings


def _run(
    kind: type[Kind],
    command: str,
    given: dict[str, Any],
    experiment: Callable[[Session[Kind]], Returned],
) -> tuple[RunResults, Returned]:
    """Run an experiment; return its results, read into memory if no file was named."""
    generator, config_file, out, overwrite, progress = (given.pop(name) for name in _CALL)
    config = load_config(
        kind, config_file and str(config_file), check_keywords(kind, command, given)
    )
    with _name_results_file(out, command) as file, _open_reporter(progress, out) as reporter:
        if not isinstance(generator, LoadedGenerator):
            named = config if generator is None else replace(config, checkpoint=str(generator))
            generator = load_run_generator(named, reporter)
        config = generator.configure(config)
        with open_session(config, generator, file, reporter, overwrite=overwrite) as session:
            returned = experiment(session)
        return read_run(file, in_memory=out is None), returned


@contextmanager
def _name_results_file(out: str | Path | None, command: str) -> Iterator[Path]:
    """Yield the results file, or one in a temporary folder that is removed at the end."""
    if out is not None:
        yield Path(out)
        return
    with make_temporary_folder(Path(tempfile.gettempdir())) as folder:
        yield folder / f"{command}.h5"


@contextmanager
def _open_reporter(progress: bool | Reporter, out: str | Path | None) -> Iterator[Reporter]:
    if progress is True:
        with show_on_terminal(None if out is None else Path(out), quiet=False) as reporter:
            yield reporter
    else:
        yield progress or SILENT
