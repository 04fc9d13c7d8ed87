"""The one lock, and the locks of what is open as this version comes.

Where two want the same, the older one has it, but a change goes before a job: what was sent cannot be held up,
a job can. A change without its lock is followed like any other. A job without one of its locks has none, and stops
with the reason that its page tells; once the other one has ended, a person lets it go on, and it takes them then.
"""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

OPEN = ("pending", "unknown")
UNFINISHED = ("waiting", "running", "paused", "stopped")


def take_locks(apps, schema_editor):
    alias = schema_editor.connection.alias
    changes = apps.get_model("groups", "Change").objects.using(alias)
    jobs = apps.get_model("groups", "Job").objects.using(alias)
    lock = apps.get_model("groups", "Lock")
    taken = set()

    def take(account_id, keys, **holder):
        free = [key for key in sorted(keys) if (account_id, key) not in taken]
        taken.update((account_id, key) for key in free)
        lock.objects.using(alias).bulk_create(lock(account_id=account_id, key=key, **holder) for key in free)

    in_review = Q(state="review", action="remove")
    locking = changes.filter(Q(state__in=OPEN) | in_review).order_by("created_at")
    removals_of_jobs = []
    for change in locking.only("account_id", "action", "target", "group_id", "job_id"):
        take(change.account_id, {change.target}, change=change)
        if change.action == "remove" and change.group_id:
            if change.job_id:
                removals_of_jobs.append((change.account_id, f"members:{change.group_id}", change))
            else:
                take(change.account_id, {f"members:{change.group_id}"}, change=change)

    at_work = Q(state__in=UNFINISHED) | Q(pk__in=locking.exclude(job=None).order_by().values("job"))
    for job in jobs.filter(at_work).order_by("created_at"):
        groups = (job.group_id, job.target_id, *job.wanted.get("from", ()))
        keys = {f"members:{group_id}" for group_id in groups if group_id is not None}
        if job.state not in UNFINISHED or taken.isdisjoint((job.account_id, key) for key in keys):
            take(job.account_id, keys, job=job)
        else:
            jobs.filter(pk=job.pk).update(state="stopped", reason="locks_lost", detail="", holder=None, held_until=None)
    for account_id, key, change in removals_of_jobs:
        take(account_id, {key}, change=change)  # whose job does not have it


class Migration(migrations.Migration):

    dependencies = [
        ('groups', '0010_looks_are_remembered'),
    ]

    operations = [
        migrations.CreateModel(
            name='Lock',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=400)),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='locks', to='groups.posteraccount')),
                ('change', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='locks', to='groups.change')),
                ('job', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='locks', to='groups.job')),
            ],
            options={
                'verbose_name': 'lock',
                'verbose_name_plural': 'locks',
                'default_permissions': (),
            },
        ),
        migrations.AddConstraint(
            model_name='lock',
            constraint=models.UniqueConstraint(fields=('account', 'key'), name='one_lock_a_key'),
        ),
        migrations.AddConstraint(
            model_name='lock',
            constraint=models.CheckConstraint(condition=models.Q(('change__isnull', True), ('job__isnull', True), _connector='XOR'), name='lock_of_a_change_or_a_job'),
        ),
        migrations.RemoveConstraint(
            model_name='change',
            name='one_open_change_a_target',
        ),
        migrations.RemoveConstraint(
            model_name='job',
            name='one_job_a_group',
        ),
        migrations.RunPython(take_locks, migrations.RunPython.noop),
    ]
