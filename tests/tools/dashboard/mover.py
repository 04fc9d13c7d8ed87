"""Start the move of all clients from one group to another, as the page does, and print the job's id.

`python -m tests.tools.dashboard.mover FROM TO`. It stands alone, because it runs in the
environment of an installation.
"""

import sys
import uuid

import django


def start(group_id, target_id):
    from django.contrib.auth.models import User

    from groups.services import credentials as credentials_service
    from groups.services.groups import read_now
    from groups.services.jobs import moves, queue

    user = User.objects.get()
    credentials = credentials_service.connection_of(user)
    group, target = (read_now(credentials, each).group for each in (group_id, target_id))
    job = moves.plan_move(
        user=user, credentials=credentials, operation=uuid.uuid4(), group=group, target=target
    )
    return queue.start(job).pk


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(str(start(*map(int, sys.argv[1:]))))
