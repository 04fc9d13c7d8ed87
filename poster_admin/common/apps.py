from django.apps import AppConfig


class CommonConfig(AppConfig):
    """Commands and template tags that know nothing of the other apps."""

    name = "poster_admin.common"
