from django.utils.translation import gettext_lazy as _

from groups import feature


class Insights(feature.Feature):
    """Things to know before a group is changed: what names it, what it costs, and how it came to be.

    Promotions and rules, the loyalty scheme, sales and costs, and the numbers of clients over time.
    """

    name = "groups.features.insights"
    verbose_name = _("insights")
