from django.utils.translation import gettext_lazy as _

from groups import feature


class Criteria(feature.Feature):
    """Criteria: a table that says who belongs in which group, and the runs that move people there.

    It needs the snapshots and the moves: a run keeps the clients of each group before it moves them. It needs
    the insights for their sweep of all clients, and for what a move costs. A run beyond the most moves of the
    table becomes a request where those are on, and is refused where they are off.
    """

    name = "groups.features.criteria"
    verbose_name = _("Automatic groups")
