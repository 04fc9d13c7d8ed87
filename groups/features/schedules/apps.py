from django.utils.translation import gettext_lazy as _

from groups import feature


class Schedules(feature.Feature):
    """Planned changes: values of a group that come at one time, and go at another one."""

    name = "groups.features.schedules"
    verbose_name = _("Planned changes")

    def plug_in(self) -> None:
        from groups import hooks  # noqa: PLC0415 - it needs the models
        from groups.features.schedules import services, views  # noqa: PLC0415 - as above
        from groups.features.schedules.models import Schedule  # noqa: PLC0415 - as above
        from groups.presenters.destinations import PAGE, pages_for  # noqa: PLC0415 - as above

        hooks.history_tab(views.tab_of_schedules)
        hooks.part("group.actions", "schedules/action.html", views.action_of_group)
        hooks.part("group.top", "schedules/card.html", views.card_of_group)
        hooks.part("form.head", "schedules/in_force.html", views.notice_of_form)
        hooks.row_marks(views.marks_of)
        hooks.list_condition(views.IS_PLANNED)
        hooks.list_action(views.PLAN_SEVERAL)
        hooks.group_warnings(views.find_warnings)
        hooks.section("schedules", "history")
        page = ("groups.view_group", _("Planned changes"), "groups:schedules", PAGE)
        hooks.destinations(pages_for(page), order=9)
        hooks.group_action(views.PLAN)
        hooks.submissions(Schedule.objects.exclude(state=Schedule.State.ASKED))
        hooks.asked(services.AskedSchedule)
        hooks.answer(services.TooLate, views.answer_too_late)
        hooks.holder(Schedule.objects.all(), views.notice_of_holder)
        hooks.events("schedule", _("A planned change was held or missed"), services.find_events)
        hooks.routine("planned changes", services.carry_out, pause=1.0, accounts=services.accounts_due)
