from django.utils.translation import gettext_lazy as _

from groups import feature


class Elsewhere(feature.Feature):
    """Changes that were not made here: a worker finds them, and writes them into the history."""

    name = "groups.features.elsewhere"
    verbose_name = _("Changes made elsewhere")

    def plug_in(self) -> None:
        from groups import hooks  # noqa: PLC0415 - it needs the models
        from groups.features.elsewhere import services, views  # noqa: PLC0415 - as above

        hooks.part("account.sections", "elsewhere/watch.html", views.watch_section)
        hooks.settings_pages(views.settings_of_watch, order=5)
        hooks.part("guide.protection", "groups/installation/protection.html", views.step_of_watch, order=5)
        hooks.routine("watch", services.look_where_due, pause=1, accounts=services.accounts_due)
        hooks.events("elsewhere", _("A group was changed elsewhere"), services.find_events)
        hooks.form_addresses("watch")
