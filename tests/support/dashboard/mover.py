"""Start the move of all clients of groups to another one, as the pages do, and print the id of each job.

`python -m tests.support.dashboard.mover FROM TO [USER …]`; with `4,5` as FROM the clients of both groups are
chosen one by one, and each user starts a job of their own account. It stands alone, because it runs in the
environment of an installation.
"""

import sys
import uuid

import django


def start(sources, target_id, name="owner"):
    from django.contrib.auth.models import User

    from groups.features.moves import services as moves
    from groups.services import credentials as credentials_service
    from groups.services.clients import every_member
    from groups.services.groups import read_now
    from groups.services.jobs import queue

    user = User.objects.get(username=name)
    credentials = credentials_service.credentials_of(user)
    groups = [read_now(credentials, each).group for each in sources]
    ids = {sources[0]: None}
    if len(groups) > 1:
        ids = {each: [client.id for client in every_member(credentials, each)] for each in sources}
    target = read_now(credentials, target_id).group
    job = moves.plan_move(
        credentials=credentials, operation=uuid.uuid4(), sources=groups, target=target, ids=ids
    )
    return queue.start(job).pk


if __name__ == "__main__":
    django.setup()
    sources = [int(each) for each in sys.argv[1].split(",")]
    for name in sys.argv[3:] or ["owner"]:
        sys.stdout.write(f"{start(sources, int(sys.argv[2]), name)}\n")
