"""Tell from the past who manages whom, now that owners manage the people of their own account alone.

The security log says who made users and who gave them passwords or roles. On an installation of one account every
owner has managed everybody, so those whom nobody has connected yet stay with all owners.
"""

from django.db import migrations

MADE = ("user_added", "invited")
GAVE = ("password", "rights")


def remember_guardians(apps, schema_editor):
    alias = schema_editor.connection.alias
    users = apps.get_model("auth", "User").objects.using(alias)
    ids = dict(users.values_list("username", "pk"))
    guardians = {}
    events = apps.get_model("users", "SecurityEvent").objects.using(alias).filter(kind__in=MADE + GAVE)
    for kind, by, about in events.exclude(user=None).values_list("kind", "user", "about"):
        if about in ids:
            key = (ids[about], by)
            guardians[key] = guardians.get(key, False) or kind in MADE
    if apps.get_model("groups", "PosterAccount").objects.using(alias).count() <= 1:
        owners = users.filter(groups__name="Owners").values_list("pk", flat=True)
        waiting = users.filter(credentials=None, is_superuser=False).values_list("pk", flat=True)
        guardians |= {(user, owner): True for user in waiting for owner in owners}
    model = apps.get_model("users", "Guardian")
    rows = [model(user_id=user, guardian_id=by, invited=made) for (user, by), made in guardians.items() if user != by]
    model.objects.using(alias).bulk_create(rows, batch_size=500)


def name_accounts_of_events(apps, schema_editor):
    """Give old lines of the security log the account of the user concerned, unless that user has changed it."""
    alias = schema_editor.connection.alias
    events = apps.get_model("users", "SecurityEvent").objects.using(alias)
    accounts = apps.get_model("groups", "PosterAccount").objects.using(alias).values_list("pk", flat=True)
    if len(accounts) == 1:
        events.update(account=accounts[0])
        return
    credentials = apps.get_model("groups", "PosterCredentials").objects.using(alias)
    for user, name, account in credentials.values_list("user", "user__username", "account"):
        if not events.filter(user=user, kind="token_set").exclude(detail=account).exists():
            events.filter(about=name).update(account=account)
            events.filter(user=user, about="").update(account=account)


class Migration(migrations.Migration):
    dependencies = [
        ("groups", "0022_webhook_key"),
        ("users", "0010_guardians_and_accounts_of_events"),
    ]

    operations = [
        migrations.RunPython(remember_guardians, migrations.RunPython.noop),
        migrations.RunPython(name_accounts_of_events, migrations.RunPython.noop),
    ]
