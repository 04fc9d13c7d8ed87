from django.utils.translation import gettext_lazy as _

from groups import feature


class Movements(feature.Feature):
    """Movements: a worker looks once a night who is in which group, and tells who came and who left.

    It needs the watch for changes made elsewhere: an owner switches that on, and its token is used. It needs
    the insights for the loyalty rules, and for their line over time.
    """

    name = "groups.features.movements"
    verbose_name = _("Movements")
