from django.utils.translation import gettext_lazy as _

from groups import feature


class Cards(feature.Feature):
    """Cards: from the receipts of the nightly look, which card is on more of them than a guest's would be.

    It needs the figures, whose look reads the receipts, and the watch for the right to switch that on.
    """

    name = "groups.features.cards"
    verbose_name = _("Cards on many receipts")
