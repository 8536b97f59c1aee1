"""The experiments of the paper, and the inversion of images, as functions."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ganinv_cli.api.generator import LoadedGenerator
from ganinv_cli.api.results import RunResults, read_run
from ganinv_cli.api.session import Session, load_config, load_run_generator, open_session
from ganinv_cli.progress import SILENT, Reporter
from ganinv_cli.progress.terminal import show_on_terminal
from ganinv_cli.settings.config import (
    Config,
    ImagesConfig,
    NoiseSweepConfig,
    RecoverConfig,
)
from ganinv_cli.settings.load import check_keywords

if TYPE_CHECKING:
    from ganinv_cli.experiments.images import ImageRun
    from ganinv_cli.images import TargetImage

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
        solver: "lbfgs" (the default) or "gd", the paper's plain descent.
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

    Example:
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

    Example:
        >>> t = ganinv.noise_sweep("faces16", trials=2, variances=[0.001, 0.1], rule="none")
        >>> t.groups
        ['variance=0.001', 'variance=0.001/none', 'variance=0.1', 'variance=0.1/none']
    """
    given = _collect(locals(), settings)
    return _run(NoiseSweepConfig, "noise-sweep", given, run_noise_sweep)[0]


def open_results(path: str | Path) -> RunResults:
    """Open a results file, also of a run in progress.

    Args:
        path: a file that a command or a function of ganinv has written, e.g. "recover.h5".

    Returns:
        The results.

    Raises:
        ResultsError: there are no results, or the file is damaged or from a newer ganinv.
    """
    return read_run(Path(path))


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

    figure_folder: Path | None = None  # if it is not the results file's own
    pictures: "Sequence[TargetImage] | None" = None  # in place of the config's image files

    def __call__(self, session: Session[Images]) -> "ImageRun":
        """Run it; return the images' numbers, and the files that are not images."""
        from ganinv_cli.experiments.image_files import describe_changes
        from ganinv_cli.experiments.images import read_pictures, run_images

        folder = self.figure_folder or session.out.with_suffix("")
        pictures = self.pictures
        if pictures is None:
            pictures = read_pictures(session.config, session.engine.generator, folder)
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
    with tempfile.TemporaryDirectory(prefix="ganinv-") as folder:
        yield Path(folder) / f"{command}.h5"


@contextmanager
def _open_reporter(progress: bool | Reporter, out: str | Path | None) -> Iterator[Reporter]:
    if progress is True:
        with show_on_terminal(None if out is None else Path(out), quiet=False) as reporter:
            yield reporter
    else:
        yield progress or SILENT
