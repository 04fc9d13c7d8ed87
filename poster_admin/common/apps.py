from django.apps import AppConfig


class CommonConfig(AppConfig):
    """Commands, checks and template tags that depend on no other app."""

    name = "poster_admin.common"
