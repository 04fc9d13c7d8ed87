"""Start the move of all clients from one group to another, as the page does, and print the job's id.

`python -m tests.tools.mover FROM TO`. It stands alone, because it runs in the environment of an installation.
"""

import sys
import uuid

import django


def start(group_id, target_id):
    from django.contrib.auth.models import User

    from groups.services import accounts, moves, tasks
    from groups.services.groups import read_now

    user = User.objects.get()
    connection = accounts.connection_of(user)
    group, target = (read_now(connection, each).group for each in (group_id, target_id))
    job = moves.plan_move(
        user=user, connection=connection, operation=uuid.uuid4(), group=group, target=target
    )
    return tasks.start(job).pk


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(str(start(*map(int, sys.argv[1:]))))
