from django.utils.translation import gettext_lazy as _

from groups import feature


class Insights(feature.Feature):
    """Things to know before a group is changed: what names it, what it costs, and how it came to be.

    Promotions and rules, the loyalty scheme, sales and costs, and the numbers of clients over time.
    """

    name = "groups.features.insights"
    verbose_name = _("insights")

    def plug_in(self) -> None:
        from groups import hooks  # noqa: PLC0415 - it needs the models
        from groups.features.insights import views  # noqa: PLC0415 - as above
        from groups.features.insights.models import ClientCount  # noqa: PLC0415 - as above
        from groups.features.insights.services import sales, scheme, sweep  # noqa: PLC0415 - as above
        from groups.presenters.destinations import PAGE, pages_for  # noqa: PLC0415 - as above

        hooks.part("list.head", "insights/link_to_scheme.jinja", lambda _request: {})
        hooks.part("group.facts", "insights/link_to_cost.html", views.link_to_cost)
        dependents = "insights/dependents_of_group.html"
        hooks.part("group.cards", dependents, views.dependents_of_group, begin=views.begin_of_group)
        hooks.part("group.figures", "insights/client_counts.html", views.counts_of_group)
        hooks.part("form.percent", "insights/cost_asked.html", views.cost_of_typed)
        hooks.part("form.end", "insights/dependents_later.html", views.dependents_later)
        hooks.part("check.cards", "insights/cost_section.html", views.cost_of_command)
        hooks.part("plan.cards", "insights/cost_section.html", views.cost_of_plan)
        dependents, begin = "insights/dependents.html", views.begin_of_leaving
        hooks.part("removal.cards", dependents, views.dependents_of_leaving, begin=begin)
        hooks.part("removal.doubts", dependents, views.doubts_of_removal)
        hooks.part("group.lost", "insights/named_by.html", views.named_by_dependents)
        hooks.gate(sales.CostGate())
        hooks.list_columns(views.SALES)
        hooks.list_condition(views.TURNOVER, order=-8)
        hooks.list_condition(views.PROMOTION)
        hooks.change_note(views.note_of_cost)
        pages = (
            ("groups.view_group", _("Ladder"), "groups:ladder", PAGE),
            ("groups.view_client", _("Audit of the percents"), "groups:audit", PAGE),
            ("groups.view_group", _("Loyalty scheme"), "groups:scheme", PAGE),
        )
        hooks.destinations(pages_for(*pages), order=5)
        hooks.queue(sweep.QUEUE)
        sweep.add_listener(scheme.listen_for_members)
        sweep.add_listener(sales.listen_for_sales)
        hooks.list_read(ClientCount.objects.keep)
        # A list of today whose numbers of clients are not kept yet is looked for once a minute.
        hooks.routine("count clients", ClientCount.objects.keep_of_copies, pause=60.0)
        hooks.prune("numbers of clients", ClientCount.objects.forget_old)
