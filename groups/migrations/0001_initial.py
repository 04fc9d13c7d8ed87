import django.db.models.deletion
import django.utils.timezone
import poster_admin.common.encryption
import uuid
from django.conf import settings
from django.db import migrations, models


VIEW = ("view_group",)
EDIT = (*VIEW, "add_group", "change_group", "delete_group", "view_client", "move_client")
OWN = (
    *EDIT,
    "change_criteria",
    "delete_group_with_clients",
    "exceed_limits",
    "set_bonus_unit",
    "view_cards",
    "view_change",
    "view_sales",
    "view_snapshot",
    "watch_account",
)
OWN_USERS = {
    ("auth", "user"): ("view_user", "add_user", "change_user"),
    ("users", "securityevent"): ("view_securityevent",),
    ("users", "totpdevice"): ("view_totpdevice", "delete_totpdevice"),
    ("users", "passkey"): ("view_passkey", "delete_passkey"),
    ("users", "companylink"): ("add_companylink", "view_companylink", "delete_companylink"),
}
CHANGE = ("groups", "change")
ROLES = {
    "Managers": {CHANGE: VIEW},
    "Staff": {CHANGE: EDIT},
    "Owners": {CHANGE: OWN, **OWN_USERS},
}


def create_roles(apps, schema_editor):
    """Make the roles. Rights that an installation adds to them, or takes away, stay so."""
    alias = schema_editor.connection.alias
    types = apps.get_model("contenttypes", "ContentType").objects.using(alias)
    permissions = apps.get_model("auth", "Permission").objects.using(alias)
    words = dict(apps.get_model("groups", "Change")._meta.permissions)
    for role, rights in ROLES.items():
        group = apps.get_model("auth", "Group").objects.using(alias).create(name=role)
        for (app, model), codenames in rights.items():
            content_type, _ = types.get_or_create(app_label=app, model=model)
            for codename in codenames:
                # Django itself makes permissions only after all migrations, and leaves these as they are.
                name = words.get(codename, f"Can {codename.replace('_', ' ')}")
                permission, _ = permissions.get_or_create(
                    content_type=content_type, codename=codename, defaults={"name": name}
                )
                group.permissions.add(permission)


class Migration(migrations.Migration):
    dependencies = [
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("users", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name='PosterAccount',
            fields=[
                ('failing_since', models.DateTimeField(blank=True, editable=False, null=True)),
                ('failing_seconds', models.FloatField(default=0, editable=False)),
                ('open_until', models.DateTimeField(blank=True, editable=False, null=True)),
                ('opened_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('failed_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('name', models.CharField(max_length=63, primary_key=True, serialize=False)),
                ('company_name', models.CharField(blank=True, max_length=200)),
                ('company_id', models.CharField(blank=True, max_length=200)),
                ('currency', models.CharField(default='₴', max_length=8)),
                ('writes', models.PositiveBigIntegerField(default=0)),
                ('moves', models.PositiveBigIntegerField(default=0)),
                ('moved_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('bonus_unit', models.CharField(choices=[('hryvnia', 'hryvnia, as documented'), ('kopecks', 'kopecks')], default='hryvnia', max_length=7)),
                ('job_turn_at', models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                'verbose_name': 'Poster account',
                'verbose_name_plural': 'Poster accounts',
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='PosterCredentials',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('token', poster_admin.common.encryption.EncryptedField(editable=False)),
                ('token_hint', models.CharField(editable=False, max_length=4)),
                ('fingerprint', models.CharField(editable=False, max_length=64)),
                ('connected_at', models.DateTimeField(default=django.utils.timezone.now, editable=False)),
                ('refused_at', models.DateTimeField(blank=True, editable=False, null=True)),
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='credentials', to=settings.AUTH_USER_MODEL)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='credentials', to='groups.posteraccount')),
            ],
            options={
                'verbose_name': 'connection to Poster',
                'verbose_name_plural': 'connections to Poster',
                'default_permissions': ('view', 'delete'),
            },
        ),
        migrations.CreateModel(
            name='WorkerHeartbeat',
            fields=[
                ('worker_id', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('seen_at', models.DateTimeField()),
            ],
            options={'default_permissions': ()},
        ),
        migrations.CreateModel(
            name='GroupsCopy',
            fields=[
                ('credentials', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='copy', serialize=False, to='groups.postercredentials')),
                ('fingerprint', models.CharField(max_length=64)),
                ('fetched_at', models.DateTimeField()),
                ('writes', models.PositiveBigIntegerField(null=True)),
                ('digest', models.CharField(max_length=64)),
                ('groups', models.JSONField()),
            ],
            options={'default_permissions': ()},
        ),
        migrations.CreateModel(
            name='Job',
            fields=[
                ('request_id', models.UUIDField(db_index=True, null=True)),
                ('requested_by', models.CharField(blank=True, default='', max_length=150)),
                ('limit_reason', models.CharField(blank=True, default='', max_length=200)),
                ('allowed_clients', models.PositiveIntegerField(null=True)),
                ('holder', models.UUIDField(null=True)),
                ('held_until', models.DateTimeField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('user_name', models.CharField(max_length=150)),
                ('kind', models.CharField(max_length=20)),
                ('group_id', models.PositiveIntegerField(null=True)),
                ('group_name', models.CharField(blank=True, max_length=400)),
                ('target_id', models.PositiveIntegerField(null=True)),
                ('target_name', models.CharField(blank=True, max_length=400)),
                ('wanted', models.JSONField(default=dict)),
                ('total', models.PositiveIntegerField(default=0)),
                ('unreadable', models.PositiveIntegerField(default=0)),
                ('tested', models.BooleanField(default=False)),
                ('state', models.CharField(choices=[('draft', 'not started'), ('requested', 'waiting for an approval'), ('waiting', 'waiting for its turn'), ('running', 'at work'), ('paused', 'paused'), ('stopped', 'stopped'), ('done', 'ended'), ('cancelled', 'cancelled')], default='waiting', max_length=9)),
                ('reason', models.CharField(blank=True, max_length=40)),
                ('detail', models.CharField(blank=True, max_length=400)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('stopped_at', models.DateTimeField(null=True)),
                ('next_try_at', models.DateTimeField(null=True)),
                ('waiting_since', models.DateTimeField(null=True)),
                ('waits', models.PositiveIntegerField(default=0)),
                ('undo_of', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='undone_by', to='groups.job')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='jobs', to='groups.posteraccount')),
            ],
            options={
                'ordering': ('-created_at',),
                'default_permissions': (),
                'indexes': [models.Index(fields=['account', '-created_at'], name='job_by_account'), models.Index(fields=['state', 'held_until'], name='job_open')],
            },
        ),
        migrations.CreateModel(
            name='Change',
            fields=[
                ('request_id', models.UUIDField(db_index=True, null=True)),
                ('requested_by', models.CharField(blank=True, default='', max_length=150)),
                ('limit_reason', models.CharField(blank=True, default='', max_length=200)),
                ('allowed_clients', models.PositiveIntegerField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('user_name', models.CharField(max_length=150)),
                ('action', models.CharField(choices=[('create', 'created'), ('update', 'changed'), ('remove', 'removed'), ('move', 'client moved'), ('enrol', 'client created')], max_length=6)),
                ('group_id', models.PositiveIntegerField(null=True)),
                ('group_name', models.CharField(max_length=400)),
                ('target', models.CharField(max_length=400)),
                ('client_id', models.PositiveIntegerField(null=True)),
                ('loaded', models.JSONField(null=True)),
                ('before', models.JSONField(null=True)),
                ('intended', models.JSONField(null=True)),
                ('after', models.JSONField(null=True)),
                ('state', models.CharField(choices=[('pending', 'in progress'), ('applied', 'applied'), ('differs', 'applied differently'), ('refused', 'refused by Poster'), ('failed', 'not made'), ('unknown', 'outcome unknown'), ('review', 'needs a person'), ('elsewhere', 'made elsewhere')], default='pending', max_length=9)),
                ('reason', models.CharField(blank=True, max_length=40)),
                ('failure', models.CharField(blank=True, default='', max_length=11)),
                ('code', models.IntegerField(null=True)),
                ('message', models.CharField(blank=True, max_length=200)),
                ('accepted', models.BooleanField(default=False)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('sent_at', models.DateTimeField(null=True)),
                ('settled_at', models.DateTimeField(null=True)),
                ('next_check_at', models.DateTimeField(null=True)),
                ('checks', models.PositiveSmallIntegerField(default=0)),
                ('found', models.CharField(blank=True, max_length=32)),
                ('found_since', models.DateTimeField(null=True)),
                ('resolved_by', models.CharField(blank=True, max_length=150)),
                ('possible_since', models.DateTimeField(null=True)),
                ('monthly_cost', models.DecimalField(decimal_places=2, max_digits=17, null=True)),
                ('note', models.CharField(blank=True, default='', max_length=200)),
                ('reached', models.PositiveIntegerField(default=0)),
                ('again_of', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='sent_again', to='groups.change')),
                ('undo_of', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='undone_by', to='groups.change')),
                ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('job', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='groups.job')),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='groups.posteraccount')),
            ],
            options={
                'verbose_name': 'change',
                'verbose_name_plural': 'changes',
                'ordering': ('-created_at',),
                'permissions': (('view_group', 'Can see loyalty groups'), ('add_group', 'Can create a loyalty group'), ('change_group', 'Can change a loyalty group'), ('delete_group', 'Can remove an empty loyalty group'), ('delete_group_with_clients', 'Can remove a loyalty group with its clients'), ('view_client', 'Can see the clients of a loyalty group'), ('move_client', 'Can move clients from one loyalty group to another'), ('view_snapshot', 'Can download and restore what was in a loyalty group'), ('view_sales', 'Can see the sales of a loyalty group, and what a percent costs'), ('set_bonus_unit', 'Can lift a block on birthday bonuses and set their unit'), ('watch_account', 'Can let the worker look for changes made elsewhere'), ('exceed_limits', 'Can set the limits of an account, and let changes go beyond them'), ('change_criteria', 'Can set the criteria of an account, and run them'), ('view_cards', 'Can see which card is on many receipts')),
                'default_permissions': ('view',),
                'indexes': [models.Index(condition=models.Q(('client_id__isnull', True)), fields=['account', '-created_at', 'action'], name='change_by_account'), models.Index(fields=['account', 'group_id', '-created_at'], name='change_by_group'), models.Index(condition=models.Q(('client_id__isnull', True)), fields=['account', 'state', '-created_at', 'action'], name='change_by_state'), models.Index(condition=models.Q(('client_id__isnull', True)), fields=['account', 'user_name', '-created_at', 'action'], name='change_by_user'), models.Index(condition=models.Q(('client_id__isnull', True)), fields=['account', 'action', '-created_at'], name='change_by_action'), models.Index(fields=['state', 'next_check_at'], name='change_open'), models.Index(fields=['job', 'client_id'], name='change_by_client'), models.Index(condition=models.Q(('client_id__isnull', False)), fields=['account', 'client_id', '-created_at'], name='change_of_client'), models.Index(fields=['account', 'target'], name='change_by_target'), models.Index(fields=['job', 'state', 'reason'], name='change_by_job'), models.Index(condition=models.Q(('client_id__isnull', True)), fields=['account', 'settled_at'], name='change_by_settled')],
                'constraints': [models.CheckConstraint(condition=models.Q(('state__in', ('pending', 'applied', 'differs', 'refused', 'failed', 'unknown', 'review', 'elsewhere'))), name='known_state')],
            },
        ),
        migrations.CreateModel(
            name='MovedClients',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('from_id', models.PositiveIntegerField(db_index=True, null=True)),
                ('to_id', models.PositiveIntegerField(db_index=True)),
                ('clients', models.PositiveIntegerField()),
                ('job', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='moved', to='groups.job')),
            ],
            options={'ordering': ('-clients',), 'default_permissions': ()},
        ),
        migrations.CreateModel(
            name='Lock',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=400)),
                ('feature', models.CharField(blank=True, default='', max_length=40)),
                ('row_id', models.UUIDField(null=True)),
                ('change', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='locks', to='groups.change')),
                ('job', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='locks', to='groups.job')),
                ('account', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='locks', to='groups.posteraccount')),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('account', 'key'), name='one_lock_a_key'), models.CheckConstraint(condition=models.Q(models.Q(('change__isnull', False), ('feature', ''), ('job__isnull', True), ('row_id__isnull', True)), models.Q(('change__isnull', True), ('feature', ''), ('job__isnull', False), ('row_id__isnull', True)), models.Q(('change__isnull', True), ('job__isnull', True), ('row_id__isnull', False), models.Q(('feature', ''), _negated=True)), _connector='OR'), name='lock_of_one_owner')],
            },
        ),
        migrations.CreateModel(
            name='Fact',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('fingerprint', models.CharField(blank=True, max_length=64)),
                ('name', models.CharField(max_length=40)),
                ('value', models.CharField(max_length=200)),
                ('evidence', models.PositiveIntegerField(default=0)),
                ('seen_at', models.DateTimeField()),
                ('was', models.CharField(blank=True, max_length=200)),
                ('changed_at', models.DateTimeField(blank=True, null=True)),
                ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='facts', to='groups.posteraccount')),
            ],
            options={
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('account', 'fingerprint', 'name'), name='fact_once')],
            },
        ),
        migrations.AddField(
            model_name='posteraccount',
            name='bonus_block',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to='groups.change'),
        ),
        migrations.RunPython(create_roles, migrations.RunPython.noop),
    ]
