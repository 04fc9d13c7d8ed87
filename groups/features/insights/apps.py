from django.utils.translation import gettext_lazy as _

from groups import feature


class Insights(feature.Feature):
    """Things to know before a group is changed: what names it, what it costs, and how it came to be.

    Promotions and rules, the loyalty scheme, sales and costs, and the numbers of clients over time.
    """

    name = "groups.features.insights"
    verbose_name = _("insights")

    def ready(self) -> None:
        from groups import hooks  # noqa: PLC0415 - it needs the models
        from groups.features.insights.presenters import cost, in_list, parts  # noqa: PLC0415 - as above
        from groups.features.insights.services import client_counts, member_sums, sales, sweep  # noqa: PLC0415 - as above
        from groups.presenters.destinations import PAGE, pages_for  # noqa: PLC0415 - as above
        from groups.presenters.lists.conditions import column_sets  # noqa: PLC0415 - as above
        from groups.services.groups import list_listeners  # noqa: PLC0415 - as above
        from groups.services.installation import maintenance  # noqa: PLC0415 - as above
        from groups.services.writes import gates  # noqa: PLC0415 - as above

        hooks.part("list.head", "insights/link_to_scheme.jinja")(lambda _request: {})
        hooks.part("group.facts", "insights/link_to_cost.html")(parts.link_to_cost)
        dependents, begin = "insights/dependents_of_group.html", parts.begin_of_group
        hooks.part("group.cards", dependents, begin=begin)(parts.dependents_of_group)
        hooks.part("group.figures", "insights/client_counts.html")(parts.counts_of_group)
        hooks.part("form.percent", "insights/cost_asked.html")(parts.cost_of_typed)
        hooks.part("form.end", "insights/dependents_later.html")(parts.dependents_later)
        hooks.part("check.cards", "insights/cost_section.html")(parts.cost_of_command)
        hooks.part("plan.cards", "insights/cost_section.html")(parts.cost_of_plan)
        dependents, begin = "insights/dependents.html", parts.begin_of_leaving
        hooks.part("removal.cards", dependents, begin=begin)(parts.dependents_of_leaving)
        hooks.part("removal.doubts", dependents)(parts.doubts_of_removal)
        hooks.part("group.lost", "insights/named_by.html")(parts.named_by_dependents)
        gates.register(sales.CostGate)
        column_sets[in_list.SALES.key] = in_list.SALES
        hooks.list_condition(in_list.TURNOVER, order=-8)
        hooks.list_condition(in_list.PROMOTION, order=-1)
        hooks.change_note(cost.note_of_cost)
        pages = (
            ("groups.view_group", _("Ladder"), "groups:ladder", PAGE),
            ("groups.view_client", _("Audit of the percents"), "groups:audit", PAGE),
            ("groups.view_group", _("Loyalty scheme"), "groups:scheme", PAGE),
        )
        hooks.destinations(pages_for(*pages), order=5)
        maintenance.queues.append(sweep.QUEUE)
        sweep.add_listener(member_sums.listen_for_members)
        sweep.add_listener(sales.listen_for_sales)
        list_listeners.append(client_counts.keep_counts)
        # A list of today whose numbers of clients are not kept yet is looked for once a minute.
        maintenance.routine("count clients", pause=60.0)(client_counts.keep_counts_of_copies)
        maintenance.prune("numbers of clients")(client_counts.forget_old)
