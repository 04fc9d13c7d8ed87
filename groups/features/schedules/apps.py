from django.utils.translation import gettext_lazy as _

from groups import feature


class Schedules(feature.Feature):
    """Planned changes: values of a group that come at one time, and go at another one."""

    name = "groups.features.schedules"
    verbose_name = _("Planned changes")

    def plug_in(self) -> None:
        from groups import hooks  # noqa: PLC0415 - it needs the models
        from groups.features.schedules import views  # noqa: PLC0415 - as above
        from groups.features.schedules.models import Schedule  # noqa: PLC0415 - as above
        from groups.features.schedules.presenters import rows  # noqa: PLC0415 - as above
        from groups.features.schedules.services import schedules, steps  # noqa: PLC0415 - as above
        from groups.presenters.destinations import PAGE, pages_for  # noqa: PLC0415 - as above

        hooks.history_tab(rows.tab_of_schedules)
        hooks.part("group.actions", "schedules/action.html", rows.action_of_group)
        hooks.part("group.top", "schedules/card.html", rows.card_of_group)
        hooks.part("form.head", "schedules/in_force.html", rows.notice_of_form)
        hooks.row_marks(rows.marks_of)
        hooks.list_condition(rows.IS_PLANNED)
        hooks.list_action(rows.PLAN_SEVERAL)
        hooks.group_warnings(rows.find_warnings)
        hooks.section("schedules", "history")
        page = ("groups.view_group", _("Planned changes"), "groups:schedules", PAGE)
        hooks.destinations(pages_for(page), order=9)
        hooks.group_action(rows.PLAN)
        hooks.submissions(Schedule.objects.exclude(state=Schedule.State.ASKED))
        hooks.asked(schedules.AskedSchedule)
        hooks.answer(schedules.TooLate, views.answer_too_late)
        hooks.holder(Schedule.objects.all(), rows.holder_notice)
        hooks.events("schedule", _("A planned change was held or missed"), schedules.find_events)
        hooks.routine("planned changes", steps.carry_out, pause=1.0, accounts=steps.accounts_due)
