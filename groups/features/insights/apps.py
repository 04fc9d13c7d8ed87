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
        from groups.features.insights.presenters import cost, list_conditions, parts, sales_columns  # noqa: PLC0415 - as above
        from groups.features.insights.services import client_counts, member_sums, sales, sweep  # noqa: PLC0415 - as above

        hooks.part("list.head", "insights/link_to_scheme.jinja", lambda _request: {})
        hooks.part("group.facts", "insights/link_to_cost.html", parts.link_to_cost)
        dependents = "insights/dependents_of_group.html"
        hooks.part("group.cards", dependents, parts.dependents_of_group, begin=parts.begin_of_group)
        hooks.part("group.figures", "insights/client_counts.html", parts.counts_of_group)
        hooks.part("form.percent", "insights/cost_asked.html", parts.cost_of_typed)
        hooks.part("form.end", "insights/dependents_later.html", parts.dependents_later)
        hooks.part("check.cards", "insights/cost_section.html", parts.cost_of_command)
        hooks.part("plan.cards", "insights/cost_section.html", parts.cost_of_plan)
        dependents, begin = "insights/dependents.html", parts.begin_of_leaving
        hooks.part("removal.cards", dependents, parts.dependents_of_leaving, begin=begin)
        hooks.part("removal.doubts", dependents, parts.doubts_of_removal)
        hooks.part("group.lost", "insights/named_by.html", parts.named_by_dependents)
        hooks.gate(sales.CostGate())
        hooks.list_columns(sales_columns.SALES)
        hooks.list_condition(list_conditions.TURNOVER, order=-8)
        hooks.list_condition(list_conditions.PROMOTION)
        hooks.change_note(cost.note_of_cost)
        hooks.destinations(parts.destinations_of, order=5)
        hooks.queue(sweep.QUEUE)
        sweep.add_listener(member_sums.listen_for_members)
        sweep.add_listener(sales.listen_for_sales)
        hooks.list_read(client_counts.keep_counts)
        # A list of today whose numbers of clients are not kept yet is looked for once a minute.
        hooks.routine("count clients", client_counts.keep_counts_of_copies, pause=60.0)
        hooks.prune("numbers of clients", client_counts.forget_old)
