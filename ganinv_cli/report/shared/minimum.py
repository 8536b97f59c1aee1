"""What makes the end of a recovery a minimum, in words; solvers/polish.py does what they say."""

from ganinv_cli.report.report import Row


def describe_criterion(run: Row, latent: int, any_polished: bool) -> str:
    """`polished`: whether any recovery was."""
    config = run["config"]
    settings = config.get("polish")
    if not any_polished:
        return "Nothing was polished in float64: what converged did so by the solver's own word."
    if not settings:
        return "Converged: after polishing in float64, with settings that the file does not say."
    explained = settings.get("explained", config.get("tolerance"))  # which once was a loss
    below = "" if explained is None else f" ({explained:g})"
    return (
        f"Converged, after polishing in float64 (at most {settings['steps']} Gauss-Newton steps): "
        "the loss has creases, where ReLUs switch, in which its gradient does not vanish at a "
        "minimum. So the gradients at z and at "
        f"{2 * latent} points {settings['radius']:g} around it are taken: a recovery has "
        f"converged where their shortest convex combination has at most {settings['level']:g} of "
        "their mean length and none of these points has a lower loss (Goldstein 1977; Burke, "
        f"Lewis & Overton 2005), or where the image loss is as good as 0{below}."
    )
