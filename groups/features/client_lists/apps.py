from django.utils.translation import gettext_lazy as _

from groups import feature


class ClientLists(feature.Feature):
    """A list of clients, pasted or uploaded: who of it is found goes to a group, by an ordinary move.

    It needs the moves. A file is read as an import reads it, by the same code, also where imports are off.
    """

    name = "groups.features.client_lists"
    verbose_name = _("lists of clients")

    def plug_in(self) -> None:
        from groups import hooks  # noqa: PLC0415 - it needs the models
        from groups.features.client_lists import presenters  # noqa: PLC0415 - as above
        from groups.presenters.destinations import ACTION, pages_for  # noqa: PLC0415 - as above

        hooks.part("clients.head", "client_lists/link.html", presenters.link_to_list)
        hooks.part("group.menu", "client_lists/menu_item.html", presenters.link_of_group)
        page = ("groups.move_client", _("Move clients from a list"), "groups:client_list", ACTION)
        hooks.destinations(pages_for(page), order=2)
        hooks.form_addresses("client_list_unknown")
