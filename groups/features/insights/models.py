"""Define the number of clients that a group had on a day; a worker keeps one figure a day."""

from django.db import models

from groups.models import PosterAccount


class ClientCount(models.Model):
    """The number of clients of one group on one day, in the first list of that day that has the group."""

    account = models.ForeignKey(PosterAccount, on_delete=models.CASCADE, related_name="client_counts")
    group_id = models.PositiveIntegerField()
    day = models.DateField()
    clients = models.PositiveBigIntegerField()

    class Meta:
        db_table = "groups_clientcount"
        verbose_name = "number of clients"
        verbose_name_plural = "numbers of clients"
        ordering = ("day",)
        default_permissions = ()
        constraints = (
            models.UniqueConstraint(fields=("account", "group_id", "day"), name="one_count_a_group_and_day"),
        )
        indexes = (models.Index(fields=("account", "day"), name="count_by_day"),)

    def __str__(self) -> str:
        return f"{self.group_id} {self.day} {self.clients}"
