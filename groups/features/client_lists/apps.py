from django.utils.translation import gettext_lazy as _

from groups import feature


class ClientLists(feature.Feature):
    """A list of clients, pasted or uploaded: who of it is found goes to a group, by an ordinary move.

    It needs the moves. A file is read as an import reads it, by the same code, also where imports are off.
    """

    name = "groups.features.client_lists"
    verbose_name = _("lists of clients")
