"""View of the switch of the watch."""

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from groups.features.elsewhere.services import watch
from groups.services.gateway import check_token
from groups.views.http.requests import Request, requires


@require_POST
@requires("watch_account")
def watch_switch(request: Request) -> HttpResponse:
    """Switch the watch for changes made elsewhere on, with the user's own token, or off."""
    credentials = request.credentials
    check_token(credentials)
    if request.POST.get("watch") == "on":
        watch.switch_on(user=request.user, credentials=credentials)
        messages.success(request, _("Changes made elsewhere will be written into the history."))
    else:
        watch.switch_off(user=request.user, credentials=credentials)
        messages.success(request, _("Changes made elsewhere are no longer looked for."))
    return redirect("groups:account")
