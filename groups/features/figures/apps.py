from django.utils.translation import gettext_lazy as _

from groups import feature


class Figures(feature.Feature):
    """Figures of groups: a worker adds up each night what a group's clients own, bought, got and spent.

    It needs the watch for changes made elsewhere, whose token is used, and the sales of the insights.
    """

    name = "groups.features.figures"
    verbose_name = _("Figures of groups")
