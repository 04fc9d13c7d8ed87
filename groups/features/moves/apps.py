from django.utils.translation import gettext_lazy as _

from groups import feature


class Moves(feature.Feature):
    """Clients from group to group, and the retirement of a group: all its clients are moved, and it goes.

    It needs the snapshots: a group is removed only when each client of its snapshot is proven to have left.
    Without that list, a client that Poster omits while the group is read would be removed with it for good.
    """

    name = "groups.features.moves"
    verbose_name = _("moves of clients")
