"""Give open removals and retirements the lock that keeps anybody from planning a change of their group.

A change that was planned before has the lock already. It keeps it: its worker finds the group gone.
"""

from django.db import migrations

MEMBERS, SCHEDULE = "members:", "schedule:"


def take_locks(apps, schema_editor):
    locks = apps.get_model("groups", "Lock").objects.using(schema_editor.connection.alias)
    for lock in locks.filter(key__startswith=MEMBERS).select_related("job"):
        group_id = lock.key.removeprefix(MEMBERS)
        job = lock.job
        if job is None or (job.kind == "retire" and str(job.group_id) == group_id):
            locks.get_or_create(
                account_id=lock.account_id,
                key=SCHEDULE + group_id,
                defaults={"change_id": lock.change_id, "job_id": lock.job_id},
            )


class Migration(migrations.Migration):
    dependencies = [("groups", "0009_client_counts")]

    operations = [migrations.RunPython(take_locks, migrations.RunPython.noop)]
