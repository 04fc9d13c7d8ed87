"""Keep the lists of groups that a user has saved, and the one that is the start page."""

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import Q

from groups.features.saved_views.models import SavedView
from groups.models.rare_rows import RareRows

VIEWS = RareRows(SavedView.objects.all())
MOST_VIEWS = 30
"""Views that a user may keep: the list has a tab for each of them."""


class NameTaken(Exception):
    """The user has a view of this name."""


class TooMany(Exception):
    """The user has as many views as the list has tabs for."""


def views_of(user: User) -> list[SavedView]:
    """Return the views of a user in the order of their names."""
    return VIEWS.find(user_id=user.pk)


def start_query(user: User) -> str:
    """Return the query string of the view that is the user's start page; empty without one."""
    view = SavedView.objects.filter(user=user, is_start=True).first()
    return view.query if view else ""


def save_view(user: User, name: str, query: str) -> SavedView:
    """Save a list under a name. Raises `NameTaken` and `TooMany`."""
    if SavedView.objects.filter(user=user).count() >= MOST_VIEWS:
        raise TooMany
    view, is_new = SavedView.objects.get_or_create(user=user, name=name, defaults={"query": query})
    if not is_new:
        raise NameTaken
    return view


def rename_view(view: SavedView, name: str) -> None:
    """Give a view another name. Raises `NameTaken`."""
    try:
        with transaction.atomic():
            SavedView.objects.filter(pk=view.pk).update(name=name)
    except IntegrityError:
        raise NameTaken from None


def remove_view(view: SavedView) -> None:
    """Remove a view; one that another tab has removed meanwhile is no error."""
    SavedView.objects.filter(pk=view.pk).delete()


def choose_start_page(user: User, view: SavedView | None) -> None:
    """Make a view the start page of its user, or the plain list.

    One statement for all views: two that choose at once leave one start page, not two.
    """
    SavedView.objects.filter(user=user).update(is_start=Q(pk=view.pk) if view else False)
