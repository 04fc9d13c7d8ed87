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
        from groups.features.moves import presenters  # noqa: PLC0415 - as above
        from groups.features.moves.services import moves  # noqa: PLC0415 - as above

        hooks.job_kind(moves.Move)
        hooks.job_kind(moves.Retire)
        hooks.group_action(presenters.MOVE, order=5)
        hooks.group_action(presenters.RETIRE, order=10)
        hooks.choice_action(presenters.MOVE_CHOSEN)
        hooks.list_action(presenters.MOVE_GROUPS, order=5)
        hooks.part("members.actions", "moves/members_bar.html", presenters.bar_of_members)
        hooks.part("group.menu", "moves/retire_item.html", presenters.retirement_of_group)
        hooks.part("removal.ways_out", "moves/way_out.html", presenters.way_out_of_removal)
