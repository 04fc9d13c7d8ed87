"""Owners say who may be linked to the company's sign-in by the name."""

import django.db.models.deletion
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


RIGHTS = ("add_companylink", "view_companylink", "delete_companylink")


def give_rights(apps, schema_editor):
    alias = schema_editor.connection.alias
    types = apps.get_model("contenttypes", "ContentType").objects.using(alias)
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    owners, _ = apps.get_model("auth", "Group").objects.using(alias).get_or_create(name="Owners")
    content_type, _ = types.get_or_create(app_label="people", model="companylink")
    for codename in RIGHTS:
        # Django itself makes permissions only after all migrations, and leaves ours as they are.
        permission, _ = permissions.get_or_create(
            content_type=content_type,
            codename=codename,
            defaults={"name": f"Can {codename.replace('_', ' ')}"},
        )
        owners.permissions.add(permission)


class Migration(migrations.Migration):

    dependencies = [
        ('people', '0005_failure_counts'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name='securityevent',
            name='kind',
            field=models.CharField(choices=[('signed_in', 'signed in'), ('signed_out', 'signed out'), ('failed', 'failed to sign in'), ('locked', 'was locked out'), ('slowed', 'was slowed down'), ('confirmed', 'entered the password again'), ('sessions_ended', 'ended sessions'), ('password', 'changed a password'), ('user_added', 'added a user'), ('user_changed', 'changed a user'), ('user_removed', 'removed a user'), ('rights', 'changed rights'), ('token_set', 'connected a token'), ('token_removed', 'removed a token'), ('factor_set', 'set up a second factor'), ('factor_removed', 'removed a second factor'), ('factor_used', 'used the second factor'), ('factor_failed', 'entered a wrong code'), ('recovery_used', 'used a recovery code'), ('codes_renewed', 'made new recovery codes'), ('snapshot_read', 'downloaded a snapshot'), ('refused', "was refused by the company's sign-in"), ('link_allowed', "allowed a link to the company's sign-in"), ('linked', "was linked to the company's sign-in")], max_length=14),
        ),
        migrations.CreateModel(
            name='CompanyLink',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('allowed_at', models.DateTimeField(default=django.utils.timezone.now, editable=False, verbose_name='allowed')),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='company_link', to=settings.AUTH_USER_MODEL, verbose_name='user')),
            ],
            options={
                'verbose_name': "permission to link a user to the company's sign-in",
                'verbose_name_plural': "permissions to link users to the company's sign-in",
                'default_permissions': ('add', 'view', 'delete'),
            },
        ),
        migrations.RunPython(give_rights, migrations.RunPython.noop),
    ]
