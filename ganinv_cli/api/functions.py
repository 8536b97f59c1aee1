"""One function for each experiment."""

from ganinv_cli.api.experiments import make_function
from ganinv_cli.experiments import list_experiments

globals().update({each.function: make_function(each) for each in list_experiments()})
