from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from groups.views.http.requests import requires
from tests.outside.notes.models import Note


def note_of(request, one):
    note = Note.objects.filter(account=request.credentials.account, group_id=one.group.id).first()
    return {"note": note}


@require_POST
@requires("change_group")
def write(request, group_id):
    values = {"text": request.POST["text"]}
    Note.objects.update_or_create(values, account=request.credentials.account, group_id=group_id)
    return redirect("groups:detail", group_id)
