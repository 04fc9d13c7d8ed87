"""Give the models of features away: each feature takes its tables over, as they are."""

from django.db import migrations

MODELS = (
    "SavedView",
    "Notice",
    "NoticeChoice",
    "NoticeCursor",
    "Delivery",
    "Webhook",
    "Watch",
    "ClientCount",
    "Schedule",
    "ApprovalRequest",
    "Limits",
    "SnapshotPart",
    "Snapshot",
)


class Migration(migrations.Migration):
    dependencies = [("groups", "0029_consents_of_features")]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[migrations.DeleteModel(name) for name in MODELS]
        )
    ]
