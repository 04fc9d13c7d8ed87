from django.utils.translation import gettext_lazy as _

from groups import feature


class Snapshots(feature.Feature):
    """The clients of a group, encrypted, kept before the group is moved or removed, and their restore."""

    name = "groups.features.snapshots"
    verbose_name = _("Snapshots")

    def plug_in(self) -> None:
        from groups import hooks  # noqa: PLC0415 - it needs the models
        from groups.features.snapshots import presenters, views  # noqa: PLC0415 - as above
        from groups.features.snapshots.services import restores, snapshots  # noqa: PLC0415 - as above
        from groups.presenters.destinations import PAGE, pages_for  # noqa: PLC0415 - as above

        hooks.gate(snapshots.SnapshotGate())
        hooks.answer(snapshots.NoSnapshot, views.answer_no_snapshot)
        hooks.answer(snapshots.OtherClients, views.answer_other_clients)
        hooks.job_kind(restores.Restore)
        hooks.history_tab(presenters.tab_of_snapshots, order=15)
        hooks.part("group.gone", "snapshots/gone.html", presenters.way_on)
        hooks.part("removal.losses", "snapshots/kept.html", presenters.kept_of_removal)
        hooks.ways_back(presenters.ways_back)
        hooks.change_note(presenters.note_of_removal)
        page = (snapshots.VIEW_SNAPSHOT, _("Snapshots"), "groups:snapshots", PAGE)
        hooks.destinations(pages_for(page), order=13)
        hooks.form_addresses("snapshot_download")
        hooks.routine("delete snapshots", snapshots.forget_old, pause=5)
        hooks.prune("snapshots", snapshots.forget_old)
