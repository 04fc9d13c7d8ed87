"""Take a snapshot of a group, or remove the group by its page."""

import uuid

from groups.features.snapshots.models import Snapshot
from groups.features.snapshots.services import snapshots
from groups.services import credentials as credentials_service
from groups.services.groups import read_now
from tests.support.pages import GROUP_4, REMOVAL, open_form


def snapshot_of(user, group_id):
    credentials = credentials_service.credentials_of(user)
    group = read_now(credentials, group_id).group
    return snapshots.take_snapshot(user=user, credentials=credentials, group=group, operation=uuid.uuid4())


def remove_by_page(client):
    """Remove group 4 through its page, and return the snapshot."""
    form = open_form(client, REMOVAL, confirm_name=GROUP_4)
    assert client.post(REMOVAL, form).status_code == 302
    return Snapshot.objects.get()
