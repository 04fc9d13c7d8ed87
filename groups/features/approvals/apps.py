from django.utils.translation import gettext_lazy as _

from groups import feature


class Approvals(feature.Feature):
    """Limits of an account, and requests for what goes beyond them, which another user approves."""

    name = "groups.features.approvals"
    verbose_name = _("limits and requests")

    def plug_in(self) -> None:
        from groups import hooks  # noqa: PLC0415 - it needs the models
        from groups.features.approvals import presenters, views  # noqa: PLC0415 - as above
        from groups.features.approvals.models import ApprovalRequest, Limits  # noqa: PLC0415 - as above
        from groups.features.approvals.services import approvals, limits  # noqa: PLC0415 - as above
        from groups.presenters.destinations import PAGE, pages_for  # noqa: PLC0415 - as above

        hooks.gate(limits.LimitGate())
        hooks.nothing_changed(limits.let_wait_again)
        hooks.consent(views.read_reason)
        hooks.answer(limits.BeyondLimits, views.answer_beyond)
        hooks.asked(approvals.AskedJob)
        # An approved row belongs to its approver, so the request says first which user sent the form.
        hooks.submissions(ApprovalRequest.objects.select_related("job"), order=-1)
        hooks.part("nav", "approvals/nav.jinja", presenters.entry_of_requests)
        hooks.history_tab(presenters.tab_of_requests, order=5)
        hooks.settings_pages(presenters.settings_of_limits)
        hooks.part("guide.protection", "groups/installation/protection.html", presenters.step_of_limits)
        hooks.part("change.who", "approvals/request_link.html", presenters.link_to_request)
        hooks.part("write.facts", "approvals/reason.html", presenters.reason_of_write)
        hooks.part("history.words", "approvals/reason_in_row.jinja", presenters.reason_of_write)
        hooks.part("group.top", "approvals/waiting_on_group.html", presenters.notice_on_group)
        hooks.part("form.head", "approvals/waiting.html", presenters.notice_on_form)
        hooks.section("requests", "history")
        hooks.destinations(pages_for(("groups.view_group", _("Requests"), "groups:requests", PAGE)), order=12)
        hooks.events("request", _("A request waits for you, or yours was decided"), approvals.find_events)
        hooks.routine("lapse requests", approvals.lapse_overdue, pause=5.0)
        hooks.form_addresses("request_approve", "request_refuse", "request_withdraw")
        hooks.log_words((limit.value, limit.label) for limit in Limits.Limit)
