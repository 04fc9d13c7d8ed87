"""Keep the language of a user on every device.

A browser keeps its language in Django's cookie, so that pages need no query for it. A language chosen while
signed in is also stored with the user, and every sign-in sets the browser's cookie to it.
"""

from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.utils import translation
from django.views.i18n import set_language

from poster_admin.common.pages import page_at
from poster_admin.users.models import ChosenLanguage

LANGUAGES = dict(settings.LANGUAGES)


def switch(request: HttpRequest) -> HttpResponse:
    language = request.POST.get("language")
    if request.method == "POST" and request.user.is_authenticated and language in LANGUAGES:
        ChosenLanguage.objects.update_or_create(user=request.user, defaults={"language": language})
    response = set_language(request)
    if "Location" in response:
        response["Location"] = page_at(response["Location"])
    return response


def begin(request: Any, user: User) -> None:
    """Use the language that the user has chosen, starting with the response to this sign-in."""
    chosen = ChosenLanguage.objects.filter(user=user).first()
    if chosen is not None and chosen.language in LANGUAGES:
        request.chosen_language = chosen.language
        request.LANGUAGE_CODE = chosen.language
        translation.activate(chosen.language)


def remember(request: HttpRequest, response: HttpResponse) -> None:
    language = getattr(request, "chosen_language", None)
    if language is None:
        return
    response.set_cookie(
        settings.LANGUAGE_COOKIE_NAME,
        language,
        max_age=settings.LANGUAGE_COOKIE_AGE,
        path=settings.LANGUAGE_COOKIE_PATH,
        domain=settings.LANGUAGE_COOKIE_DOMAIN,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
        samesite=settings.LANGUAGE_COOKIE_SAMESITE,  # type: ignore[arg-type]  # the stubs say str of a setting
    )


def language_of(user: User) -> str:
    """Return the language that a user has chosen, or that of the site, for texts without a request."""
    chosen = ChosenLanguage.objects.filter(user=user).values_list("language", flat=True).first()
    return chosen if chosen in LANGUAGES else settings.LANGUAGE_CODE
