"""Define a feature: an app of its own that plugs into the core, and that an installation can leave out."""

from typing import ClassVar

from django.apps import AppConfig, apps
from django.conf import settings


class Feature(AppConfig):
    """A feature. It plugs itself in by `groups.hooks`; its `urls` belong to the addresses of the core.

    Import the module, not the class: Django takes the only `AppConfig` in `apps.py` for that of the app.

    One that FEATURES_OFF names is not plugged in. It stays installed, because its rows stay: Django deletes
    them along with a user, and keys are changed in them too.

    `needs` are the labels of the features that it cannot do without. `job_kinds` are the kinds of its jobs:
    while it is left out they wait, and a page that meets their locks says which feature holds them.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    job_kinds: ClassVar[tuple[str, ...]] = ()

    def plug_in(self) -> None:
        """Plug the feature into the core, once as a process starts; the models can be imported by then."""
        raise NotImplementedError

    def when_left_out(self) -> None:
        """Plug in what goes on while the feature is left out: a deletion in time, a warning to people."""

    def ready(self) -> None:
        if self.is_on:
            self.plug_in()
        else:
            self.when_left_out()

    @property
    def is_on(self) -> bool:
        return self.label not in settings.FEATURES_OFF


def plugged_in_features() -> list[Feature]:
    """Return the features that are in use, in the order of INSTALLED_APPS."""
    return [config for config in _features() if config.is_on]


def feature_of_jobs(kind: str) -> str:
    """Return the label of the feature whose jobs are of this kind; empty if no feature here has such jobs."""
    return next((config.label for config in _features() if kind in config.job_kinds), "")


def _features() -> list[Feature]:
    return [config for config in apps.get_app_configs() if isinstance(config, Feature)]
