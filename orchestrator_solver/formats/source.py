"""What is exported: a run of this machine, or whatever else can be played, by one name."""

from ..models.runs import BestOfRun, best_of_run
from ..weights.package import PREFIX, folder_of, shipped
from ..weights.published import is_named, language_model_package


def source_of(name: str) -> BestOfRun:
    """The best weights of a run by its signature, or the language model of this name, as if it were a run's.

    Raises:
        UserError: if there is none, or it is torn.
    """
    if not is_named(name) and not folder_of(name):
        return best_of_run(name)
    package = language_model_package(name)
    began = {"baseline": name} if name.removeprefix(PREFIX) in shipped() else {}
    return BestOfRun(package.kind, package.cfg, package.state, {**began, **package.facts})
