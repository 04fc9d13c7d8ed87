from django.utils.translation import gettext_lazy as _

from groups import feature


class Criteria(feature.Feature):
    """Criteria: a table that says who belongs in which group, and the runs that move people there.

    It needs the snapshots and the moves: a run keeps the clients of each group before it moves them. It needs
    the insights for their sweep of all clients, and for what a move costs. A run beyond the most moves of the
    table becomes a request where those are on, and is refused where they are off.
    """

    name = "groups.features.criteria"
    verbose_name = _("Criteria")

    def plug_in(self) -> None:
        from groups import hooks  # noqa: PLC0415 - it needs the models
        from groups.features.criteria.models import CriteriaSave  # noqa: PLC0415 - as above
        from groups.features.criteria.presenters import page, preview_page  # noqa: PLC0415 - as above
        from groups.features.criteria.services import nights, reading, runs, tables  # noqa: PLC0415 - as above
        from groups.features.insights.services import sweep  # noqa: PLC0415 - as above

        hooks.part("list.head", "criteria/link_to_criteria.jinja", lambda _request: {})
        hooks.part("list.tools", "criteria/criteria_on_a_phone.jinja", lambda _request, _listing: {}, order=2)
        hooks.part("request.job", "criteria/link_to_preview.html", preview_page.link_of_request)
        hooks.section("criteria", "settings")
        hooks.settings_pages(page.settings_of_criteria, order=3)
        hooks.submissions(CriteriaSave.objects.all())
        hooks.form_addresses(
            "criteria_preview", "criteria_spread", "criteria_run", "criteria_pins", "criteria_pin_remove"
        )
        hooks.job_kind(runs.Run)
        hooks.events(
            "criteria", _("The criteria moved clients at night, or no longer do so"), nights.find_nights
        )
        hooks.routine("criteria at night", nights.run_night, pause=5.0, accounts=nights.accounts_due)
        sweep.add_listener(reading.listen_for_criteria)
        hooks.prune("pins of criteria", tables.forget_ended_pins)
