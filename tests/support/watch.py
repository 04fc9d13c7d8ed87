"""Look for changes made elsewhere, as the workers do."""

from groups.features.elsewhere.services import accounts_due, look_at
from groups.models import Change


def look_where_due():
    """Look at each account whose time has come; return the changes that were found."""
    elsewhere = Change.objects.filter(state=Change.State.ELSEWHERE)
    known = list(elsewhere.values_list("pk", flat=True))
    for account in accounts_due():
        look_at(account)
    return list(elsewhere.exclude(pk__in=known).order_by("settled_at"))
