from django.utils.translation import gettext_lazy as _

from groups import feature


class Bulk(feature.Feature):
    """Many groups changed at once: typed in one table or read from a file, and a plan before it is sent.

    `manage.py scheme` turns a plan beyond the limits into a request.
    """

    name = "groups.features.bulk"
    verbose_name = _("changes of many groups")

    def plug_in(self) -> None:
        from groups import hooks  # noqa: PLC0415 - it needs the models
        from groups.features.bulk import presenters, services  # noqa: PLC0415 - as above
        from groups.presenters.destinations import ACTION, pages_for  # noqa: PLC0415 - as above

        hooks.job_kind(services.Edit)
        hooks.job_kind(services.Import)
        hooks.part("list.bar", "bulk/percents.jinja", presenters.link_to_percents)
        hooks.part("list.tools", "bulk/percents_on_a_phone.jinja", presenters.link_to_percents, order=1)
        hooks.part("list.tools", "bulk/files.jinja", presenters.links_to_files, order=3)
        hooks.list_action(presenters.PERCENTS_OF_CHOSEN, order=-1)
        hooks.part("request.job", "bulk/plan_of_request.html", presenters.plan_of_request)
        pages = (
            ("groups.change_group", _("Change several percents"), "groups:bulk", ACTION),
            ("groups.add_group", _("Import groups from a file"), "groups:import", ACTION),
        )
        hooks.destinations(pages_for(*pages), order=1)
        hooks.form_addresses("scheme_export")
        hooks.routine("delete plans", services.forget_drafts, pause=5.0)
        hooks.prune("plans that were not started", services.forget_drafts)
