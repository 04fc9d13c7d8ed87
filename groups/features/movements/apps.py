from django.utils.translation import gettext_lazy as _

from groups import feature


class Movements(feature.Feature):
    """Movements: a worker looks once a night who is in which group, and tells who came and who left.

    It needs the watch for changes made elsewhere: an owner switches that on, and its token is used. It needs
    the insights for the loyalty rules, and for their line over time.
    """

    name = "groups.features.movements"
    verbose_name = _("Movements")

    def plug_in(self) -> None:
        from groups import hooks  # noqa: PLC0415 - it needs the models
        from groups.features.movements import services, views  # noqa: PLC0415 - as above

        hooks.part("account.sections", "movements/watch.html", views.words_for_watch)
        hooks.part("group.figures", "movements/card.html", views.card_of, order=1)
        hooks.routine("movements", services.look_at, pause=5.0, accounts=services.accounts_due)
        hooks.events(
            "movements", _("A group has lost clients without a move made here"), services.find_losses
        )
        hooks.prune("movements of clients", services.forget_old)
