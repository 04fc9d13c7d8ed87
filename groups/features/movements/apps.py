from django.utils.translation import gettext_lazy as _

from groups import feature


class Movements(feature.Feature):
    """Movements: a worker looks once a night who is in which group, and tells who came and who left."""

    name = "groups.features.movements"
    verbose_name = _("Movements")
