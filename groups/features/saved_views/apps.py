from django.utils.translation import gettext_lazy as _

from groups import feature


class SavedViews(feature.Feature):
    """Lists of groups that a user has saved under a name, and the one that is the start page."""

    name = "groups.features.saved_views"
    verbose_name = _("saved views")

    def plug_in(self) -> None:
        from groups import hooks  # noqa: PLC0415 - it needs the models
        from groups.features.saved_views import services, views  # noqa: PLC0415 - as above

        hooks.part("list.tabs", "saved_views/tabs.jinja", views.tabs_of_list)
        hooks.part("list.narrowed", "saved_views/save.jinja", views.save_of_list)
        hooks.destinations(views.destinations_of, order=-1)
        hooks.settings_pages(views.settings_of_views, order=5)
        hooks.start_page(services.start_query)
        hooks.form_addresses("view")
