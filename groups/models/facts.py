"""Define what the connection check has seen of a Poster account."""

from django.db import models

from groups.models.credentials import PosterAccount


class Fact(models.Model):
    """One thing that Poster does in an account, as it was seen at `seen_at` on `evidence` rows or calls.

    What a token may do is a fact of its `fingerprint`; all else belongs to the account. A value that
    contradicted the one before keeps it in `was`, and when that was found in `changed_at`.
    """

    account = models.ForeignKey(PosterAccount, on_delete=models.CASCADE, related_name="facts")
    fingerprint = models.CharField(max_length=64, blank=True)
    name = models.CharField(max_length=40)
    value = models.CharField(max_length=200)
    evidence = models.PositiveIntegerField(default=0)
    seen_at = models.DateTimeField()
    was = models.CharField(max_length=200, blank=True)
    changed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("account", "fingerprint", "name"), name="fact_once"),)

    def __str__(self) -> str:
        return f"{self.name}={self.value}"
