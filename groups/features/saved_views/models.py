"""Define saved views: lists of groups with filters and an order, kept by a user under a name."""

from django.conf import settings
from django.db import models
from django.http import QueryDict
from django.urls import reverse

MOST_VIEWS = 30
"""Views that a user may keep: the list has a tab for each of them."""


class SavedView(models.Model):
    """A list of groups that a user has saved.

    `query` is the query string of the list as `ListForm.query` writes it, without a page; empty for the plain
    list. At most one view of a user is the start page.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    query = models.CharField(max_length=1000, blank=True)
    is_start = models.BooleanField(default=False)

    class Meta:
        db_table = "groups_savedview"
        ordering = ("name",)
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("user", "name"), name="one_view_a_name"),)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("groups:list") + self.query

    @property
    def params(self) -> QueryDict:
        return QueryDict(self.query.removeprefix("?"))
