"""Keep the lists of groups that a user has saved, and the one that is the start page."""

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from groups.features.saved_views.models import SavedView
from groups.models.ids_first import IdsFirst

VIEWS = IdsFirst(SavedView.objects.all())
MOST_VIEWS = 30
"""Views that a user may keep: the list has a tab for each of them."""
NAME_TAKEN = gettext_lazy("You have a view of this name. Choose another one.")


def views_of(user: User) -> list[SavedView]:
    """Return the views of a user in the order of their names."""
    return VIEWS.find(user_id=user.pk)


def start_query(user: User) -> str:
    """Return the query string of the view that is the user's start page; empty without one."""
    view = SavedView.objects.filter(user=user, is_start=True).first()
    return view.query if view else ""


def save_view(user: User, name: str, query: str) -> SavedView:
    """Save a list under a name. Raises `ValidationError`."""
    if SavedView.objects.filter(user=user).count() >= MOST_VIEWS:
        raise ValidationError(_("You have as many views as the list has tabs for. Remove one first."))
    view, is_new = SavedView.objects.get_or_create(user=user, name=name, defaults={"query": query})
    if not is_new:
        raise ValidationError({"name": NAME_TAKEN})
    return view


def rename_view(view: SavedView, name: str) -> None:
    """Give a view another name. Raises `ValidationError`."""
    try:
        with transaction.atomic():
            SavedView.objects.filter(pk=view.pk).update(name=name)
    except IntegrityError:
        raise ValidationError({"name": NAME_TAKEN}) from None


def choose_start_page(user: User, view: SavedView | None) -> None:
    """Make a view the start page of its user, or the plain list.

    One statement for all views: two that choose at once leave one start page, not two.
    """
    SavedView.objects.filter(user=user).update(is_start=Q(pk=view.pk) if view else False)
