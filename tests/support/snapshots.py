"""Take a snapshot of a group, remove the group by its page, and plan its restore."""

import uuid

from groups.features.snapshots import services as snapshots
from groups.features.snapshots.models import Snapshot
from groups.services import credentials as credentials_service
from groups.services.groups import read_now
from tests.support.pages import GROUP_4, REMOVAL, open_form


def snapshot_of(user, group_id=4):
    """Take the snapshot of a removal."""
    credentials = credentials_service.credentials_of(user)
    group = read_now(credentials, group_id).group
    return snapshots.take_snapshot(credentials, group, operation=uuid.uuid4())


def plan_restore_of(user, snapshot):
    """Return the restore that the page of a snapshot offers; it is not started."""
    credentials = credentials_service.credentials_of(user)
    preview = snapshots.preview_restore(credentials, snapshot)
    return snapshots.plan_restore(credentials, preview, operation=uuid.uuid4())


def remove_by_page(client):
    """Remove group 4 through its page, and return the snapshot."""
    form = open_form(client, REMOVAL, confirm_name=GROUP_4)
    assert client.post(REMOVAL, form).status_code == 302
    return Snapshot.objects.get()
