"""Define a feature: an app of its own that plugs into the core."""

from django.apps import AppConfig, apps


class Feature(AppConfig):
    """A feature. Its modules plug themselves in by `groups.hooks`; its `urls` join the addresses of the core.

    Import the module, not the class: Django takes the only `AppConfig` in `apps.py` for that of the app.
    """


def features() -> list[Feature]:
    """Return the features, in the order of INSTALLED_APPS."""
    return [config for config in apps.get_app_configs() if isinstance(config, Feature)]
