from django.utils.translation import gettext_lazy as _

from groups import feature


class SchemeFile(feature.Feature):
    """The scheme as a file: saved, compared with an account, and applied; by `manage.py scheme` too.

    It needs the changes of many groups: what a file changes is a plan of theirs, and the same job. A plan
    beyond the limits becomes a request where those are on.
    """

    name = "groups.features.scheme_file"
    verbose_name = _("the scheme as a file")

    def ready(self) -> None:
        from groups import hooks  # noqa: PLC0415 - it needs the models
        from groups.features.scheme_file import presenters, services  # noqa: PLC0415 - as above
        from groups.presenters.destinations import PAGE, pages_for  # noqa: PLC0415 - as above
        from groups.services.jobs import kinds  # noqa: PLC0415 - as above

        kinds.register(services.Apply)
        hooks.part("list.tools", "scheme_file/menu.jinja", order=4)(presenters.links_of_list)
        hooks.part("import.refused", "scheme_file/other_account.html")(presenters.way_for_other_account)
        page = ("groups.view_group", _("Compare with a file"), "groups:compare", PAGE)
        hooks.destinations(pages_for(page), order=1)
        hooks.form_addresses("scheme_export")
