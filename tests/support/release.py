"""Make a database as release 1.0 has left it: its migrations, and the rows that its users made.

Reads the token and the groups that Poster has from the standard input, as JSON. The models are those of that
time, from its migrations: the code of today writes nothing here but the cipher of the token.
"""

import hashlib
import json
import sys

import django

PASSWORD = "a-password-of-1.0"
TARGETS = {"groups": "0002_roles", "users": "0002_roles"}


def migrate():
    """Migrate to the release, and return its models."""
    from django.apps import apps
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    from groups.feature import Feature
    from poster_admin.common.serving.server import migration_lock

    with migration_lock(connection.alias):
        executor = MigrationExecutor(connection)
        later = {each.label for each in apps.get_app_configs() if isinstance(each, Feature)}
        leaves = executor.loader.graph.leaf_nodes()
        others = [node for node in leaves if node[0] not in {*TARGETS, *later}]
        executor.migrate([*others, *TARGETS.items()])
    executor.loader.build_graph()  # of what is there now
    return executor.loader.project_state([*others, *TARGETS.items()]).apps


def connect(models, token):
    """Write down an owner with a password and a token, and return the owner's account and name."""
    from django.conf import settings
    from django.contrib.auth.hashers import make_password

    from poster_admin.common.encryption import Secret

    user = models.get_model("auth", "User").objects.create(username="olena", password=make_password(PASSWORD))
    user.groups.add(models.get_model("auth", "Group").objects.get(name="Owners"))
    account = models.get_model("groups", "PosterAccount").objects.create(name="demo", writes=3)
    key = settings.SECRET_KEY.encode()[:64]
    models.get_model("groups", "PosterCredentials").objects.create(
        user=user,
        account=account,
        token=Secret(token),
        token_hint=token[-4:],
        fingerprint=hashlib.blake2b(token.encode(), key=key, digest_size=32).hexdigest(),
    )
    return {"user": user, "user_name": user.username, "account": account}


def change(models, made_by, group, **values):
    """Write down a change to what Poster has now, from one percent less."""
    from django.utils import timezone

    now = {name: value for name, value in group.items() if name not in {"id", "clients"}}
    was = now | {"percent": str(float(now["percent"]) - 1)}
    row = {"action": "update", "group_id": group["id"], "group_name": group["name"]}
    row |= {"target": f"group:{group['id']}", "loaded": was, "before": group | was, "intended": now}
    return models.get_model("groups", "Change").objects.create(
        **made_by, **row, sent_at=timezone.now(), **values
    )


def fill(models, token, groups):
    """Write down the first day: a change that was made, one that came too late, one without an answer."""
    from django.utils import timezone

    made_by, (first, second, third, *_) = connect(models, token), groups
    change(models, made_by, first, state="applied", after=first, settled_at=timezone.now())
    change(models, made_by, second, state="failed", reason="conflict", status=409, settled_at=timezone.now())
    lost = change(models, made_by, third, state="unknown", status=504, next_check_at=timezone.now())
    models.get_model("groups", "Lock").objects.create(
        account=made_by["account"], key=lost.target, change=lost
    )


if __name__ == "__main__":
    django.setup()
    fill(migrate(), **json.load(sys.stdin))
