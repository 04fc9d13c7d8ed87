"""Store the kind of the failure that ended a change, not the HTTP status of its page."""

from django.db import migrations, models

FAILURES = {
    404: "not_found",
    409: "behind",
    422: "rejected",
    424: "no_access",
    502: "unclear",
    503: "busy",
    504: "unreachable",
}


def name_failures(apps, schema_editor):
    # A plain manager: the journal's own one refuses updates.
    changes = models.QuerySet(apps.get_model("groups", "Change"), using=schema_editor.connection.alias)
    for status, failure in FAILURES.items():
        changes.filter(status=status).update(failure=failure)


class Migration(migrations.Migration):
    dependencies = [("groups", "0004_sales")]

    operations = [
        migrations.AddField("change", "failure", models.CharField(blank=True, default="", max_length=11)),
        migrations.RunPython(name_failures, migrations.RunPython.noop),
        migrations.RemoveField("change", "status"),
    ]
