"""Define a feature: an app of its own that plugs into the core."""

from django.apps import AppConfig, apps


class Feature(AppConfig):
    """A feature. It plugs itself in by `groups.hooks`; its `urls` belong to the addresses of the core.

    Import the module, not the class: Django takes the only `AppConfig` in `apps.py` for that of the app.
    """

    def plug_in(self) -> None:
        """Plug the feature into the core, once as a process starts; the models can be imported by then."""
        raise NotImplementedError

    def ready(self) -> None:
        self.plug_in()


def features() -> list[Feature]:
    """Return the features, in the order of INSTALLED_APPS."""
    return [config for config in apps.get_app_configs() if isinstance(config, Feature)]
