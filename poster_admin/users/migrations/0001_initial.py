import django.db.models.deletion
import django.utils.timezone
import poster_admin.common.encryption
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Guide',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to=settings.AUTH_USER_MODEL)),
            ],
            options={'default_permissions': ()},
        ),
        migrations.CreateModel(
            name='Invitation',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='invitation', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={'default_permissions': ()},
        ),
        migrations.CreateModel(
            name='SetupLink',
            fields=[
                ('digest', models.CharField(editable=False, max_length=64, primary_key=True, serialize=False)),
                ('made_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={'default_permissions': ()},
        ),
        migrations.CreateModel(
            name='ChosenLanguage',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('language', models.CharField(max_length=10)),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='chosen_language', to=settings.AUTH_USER_MODEL)),
            ],
            options={'default_permissions': ()},
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
        migrations.CreateModel(
            name='Passkey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='The human-readable name of this device.', max_length=64)),
                ('confirmed', models.BooleanField(default=True, help_text='Is this device ready for use?')),
                ('created_at', models.DateTimeField(auto_now_add=True, help_text='The date and time when this device was initially created in the system.', null=True)),
                ('last_used_at', models.DateTimeField(blank=True, help_text='The most recent date and time this device was used.', null=True)),
                ('credential_id', models.CharField(editable=False, max_length=1364, unique=True)),
                ('public_key', models.BinaryField()),
                ('sign_count', models.BigIntegerField(default=0, editable=False)),
                ('handle', models.CharField(editable=False, max_length=86)),
                ('user', models.ForeignKey(help_text='The user that this device belongs to.', on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'passkey',
                'verbose_name_plural': 'passkeys',
                'ordering': ('created_at', 'pk'),
                'default_permissions': ('view', 'delete'),
            },
        ),
        migrations.CreateModel(
            name='RecoveryCode',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='recovery_codes', to=settings.AUTH_USER_MODEL)),
            ],
            options={'default_permissions': ()},
        ),
        migrations.CreateModel(
            name='SecurityEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField(db_index=True, default=django.utils.timezone.now)),
                ('kind', models.CharField(choices=[('signed_in', 'signed in'), ('signed_out', 'signed out'), ('failed', 'failed to sign in'), ('locked', 'was locked out'), ('unlocked', 'lifted a lock of the sign-in'), ('confirmed', 'confirmed the sign-in'), ('sessions_ended', 'ended sessions'), ('password', 'changed a password'), ('user_added', 'added a user'), ('invited', 'sent an invitation'), ('user_changed', 'changed a user'), ('user_removed', 'removed a user'), ('rights', 'changed rights'), ('token_set', 'connected a token'), ('token_removed', 'removed a token'), ('factor_set', 'set up a second factor'), ('factor_removed', 'removed a second factor'), ('factor_used', 'used the second factor'), ('factor_failed', 'entered a wrong code'), ('passkey_failed', 'used a passkey that was not accepted'), ('recovery_used', 'used a recovery code'), ('codes_renewed', 'made new recovery codes'), ('snapshot_read', 'downloaded a snapshot'), ('refused', "was refused by the company's sign-in"), ('link_allowed', "allowed a link to the company's sign-in"), ('chat_set', 'set a Telegram chat'), ('chat_removed', 'removed a Telegram chat'), ('limits_set', 'set the limits'), ('bonus_unit_set', 'set the unit of the birthday bonus'), ('watch_on', 'switched the watch on'), ('watch_off', 'switched the watch off'), ('poster_differs', 'saw Poster do something else than before'), ('linked', "was linked to the company's sign-in")], max_length=15)),
                ('user_name', models.CharField(blank=True, max_length=150)),
                ('about', models.CharField(blank=True, max_length=150)),
                ('detail', models.CharField(blank=True, max_length=250)),
                ('account', models.CharField(blank=True, default='', max_length=63)),
                ('address', models.CharField(blank=True, max_length=45)),
                ('request_id', models.CharField(blank=True, max_length=36)),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'line of the security log',
                'verbose_name_plural': 'security log',
                'ordering': ('-at', '-pk'),
                'default_permissions': ('view',),
            },
        ),
        migrations.CreateModel(
            name='TOTPDevice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(help_text='The human-readable name of this device.', max_length=64)),
                ('confirmed', models.BooleanField(default=True, help_text='Is this device ready for use?')),
                ('throttling_failure_timestamp', models.DateTimeField(blank=True, default=None, help_text='A timestamp of the last failed verification attempt. Null if last attempt succeeded.', null=True)),
                ('throttling_failure_count', models.PositiveIntegerField(default=0, help_text='Number of successive failed attempts.')),
                ('created_at', models.DateTimeField(auto_now_add=True, help_text='The date and time when this device was initially created in the system.', null=True)),
                ('last_used_at', models.DateTimeField(blank=True, help_text='The most recent date and time this device was used.', null=True)),
                ('key', poster_admin.common.encryption.EncryptedField(editable=False)),
                ('last_step', models.BigIntegerField(default=-1, editable=False)),
                ('user', models.ForeignKey(help_text='The user that this device belongs to.', on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'second factor',
                'verbose_name_plural': 'second factors',
                'default_permissions': ('view', 'delete'),
            },
        ),
        migrations.CreateModel(
            name='CompanyIdentity',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('issuer', models.CharField(max_length=200)),
                ('subject', models.CharField(max_length=255)),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='company_identity', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('issuer', 'subject'), name='one_user_a_subject')],
            },
        ),
        migrations.CreateModel(
            name='Guardian',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('invited', models.BooleanField(default=False)),
                ('guardian', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='guardians', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('user', 'guardian'), name='one_guardian_once')],
            },
        ),
        migrations.CreateModel(
            name='UserSession',
            fields=[
                ('session_key', models.CharField(max_length=40, primary_key=True, serialize=False, verbose_name='session key')),
                ('session_data', models.TextField(verbose_name='session data')),
                ('expire_date', models.DateTimeField(db_index=True, verbose_name='expire date')),
                ('started_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('seen_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('address', models.CharField(blank=True, max_length=45)),
                ('agent', models.CharField(blank=True, max_length=60)),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='sign_ins', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'session',
                'verbose_name_plural': 'sessions',
                'abstract': False,
                'default_permissions': (),
                'indexes': [models.Index(fields=['user', '-seen_at'], name='sign_in_by_user')],
            },
        ),
    ]
