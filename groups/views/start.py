"""View of the start page: the list of groups, as the user has chosen to begin with it."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

if TYPE_CHECKING:
    from django.contrib.auth.models import User

type StartQuery = Callable[["User"], str]

start_queries: list[StartQuery] = []
"""Each returns the query string of the list that a user begins with; empty for no choice."""


def home(request: HttpRequest) -> HttpResponse:
    """Redirect to the list of groups, with the filters that the user begins with."""
    query = ""
    if request.user.is_authenticated:
        query = next(filter(None, (start_query(request.user) for start_query in start_queries)), "")
    return redirect(reverse("groups:list") + query)
