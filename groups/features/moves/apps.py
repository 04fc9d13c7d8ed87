from django.utils.translation import gettext_lazy as _

from groups import feature


class Moves(feature.Feature):
    """Clients from group to group, and the retirement of a group: all its clients are moved, and it goes.

    It needs the snapshots: a group is removed only when each client of its snapshot is proven to have left.
    Without that list, a client that Poster omits while the group is read would be removed with it for good.
    """

    name = "groups.features.moves"
    verbose_name = _("moves of clients")

    def plug_in(self) -> None:
        from groups import hooks  # noqa: PLC0415 - it needs the models
        from groups.features.moves import services, views  # noqa: PLC0415 - as above

        hooks.job_kind(services.Move)
        hooks.job_kind(services.Retire)
        hooks.group_action(views.MOVE, order=5)
        hooks.group_action(views.RETIRE, order=10)
        hooks.choice_action(views.MOVE_CHOSEN)
        hooks.list_action(views.MOVE_GROUPS, order=5)
        hooks.part("members.actions", "moves/members_bar.html", views.bar_of_members)
        hooks.part("group.menu", "moves/retire_item.html", views.retirement_of_group)
        hooks.part("removal.ways_out", "moves/way_out.html", views.way_out_of_removal)
