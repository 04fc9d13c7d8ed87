from django.utils.translation import gettext_lazy as _

from groups import feature


class Bulk(feature.Feature):
    """Many groups changed at once: typed in one table or read from a file, and a plan before it is sent."""

    name = "groups.features.bulk"
    verbose_name = _("changes of many groups")

    def ready(self) -> None:
        from groups import hooks  # noqa: PLC0415 - it needs the models
        from groups.features.bulk import presenters, services  # noqa: PLC0415 - as above
        from groups.presenters.destinations import ACTION, pages_for  # noqa: PLC0415 - as above
        from groups.services.installation import maintenance  # noqa: PLC0415 - as above
        from groups.services.jobs import kinds  # noqa: PLC0415 - as above

        kinds.register(services.Edit)
        kinds.register(services.Import)
        hooks.part("list.bar", "bulk/percents.jinja")(presenters.link_to_percents)
        hooks.part("list.tools", "bulk/percents_on_a_phone.jinja", order=1)(presenters.link_to_percents)
        hooks.part("list.tools", "bulk/import.jinja", order=3)(presenters.link_to_import)
        hooks.list_action(presenters.PERCENTS_OF_CHOSEN)
        hooks.part("request.job", "bulk/plan_of_request.html")(presenters.plan_of_request)
        pages = (
            ("groups.change_group", _("Change several percents"), "groups:bulk", ACTION),
            ("groups.add_group", _("Import groups from a file"), "groups:import", ACTION),
        )
        hooks.destinations(pages_for(*pages), order=1)
        maintenance.routine("delete plans", pause=5.0)(services.forget_drafts)
        maintenance.prune("plans that were not started")(services.forget_drafts)
