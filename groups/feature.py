"""Define a feature: an app of its own that plugs into the core, and that an installation can leave out."""

from typing import ClassVar

from django.apps import AppConfig, apps


class Feature(AppConfig):
    """A feature. Its `ready` plugs it in, by `groups.hooks`; its `urls` belong to the addresses of the core.

    Import the module, not the class: Django takes the only `AppConfig` in `apps.py` for that of the app.

    `needs` are the labels of the features that it cannot do without.
    """

    needs: ClassVar[tuple[str, ...]] = ()


def installed_features() -> list[Feature]:
    """Return the features of this installation, in the order of INSTALLED_APPS."""
    return [config for config in apps.get_app_configs() if isinstance(config, Feature)]
