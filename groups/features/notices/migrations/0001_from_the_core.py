"""Take the tables over from the core, as they are."""

import django.db.models.deletion
import django.utils.timezone
import groups.features.notices.models
import poster_admin.common.encryption
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        ('groups', '0030_features'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.CreateModel(
                    name='NoticeCursor',
                    fields=[
                        ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='notice_cursor', serialize=False, to='groups.posteraccount')),
                        ('looked_at', models.DateTimeField()),
                    ],
                    options={
                        'verbose_name': 'cursor of notices',
                        'verbose_name_plural': 'cursors of notices',
                        'db_table': 'groups_noticecursor',
                        'default_permissions': (),
                    },
                ),
                migrations.CreateModel(
                    name='Webhook',
                    fields=[
                        ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='webhook', serialize=False, to='groups.posteraccount')),
                        ('key', models.CharField(default=groups.features.notices.models.new_key, editable=False, max_length=63, unique=True)),
                        ('address', poster_admin.common.encryption.EncryptedField(editable=False)),
                        ('shown', models.CharField(max_length=255)),
                        ('secret', poster_admin.common.encryption.EncryptedField(editable=False)),
                        ('kinds', models.JSONField(default=dict)),
                        ('credentials', models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='webhooks', to='groups.postercredentials')),
                    ],
                    options={
                        'verbose_name': 'webhook',
                        'verbose_name_plural': 'webhooks',
                        'db_table': 'groups_webhook',
                        'default_permissions': (),
                    },
                ),
                migrations.CreateModel(
                    name='Delivery',
                    fields=[
                        ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                        ('state', models.CharField(choices=[('waiting', 'Waiting'), ('sent', 'Sent'), ('given_up', 'Given Up'), ('dropped', 'Dropped')], default='waiting', max_length=8)),
                        ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                        ('tries', models.PositiveSmallIntegerField(default=0)),
                        ('tried_at', models.DateTimeField(null=True)),
                        ('next_try_at', models.DateTimeField(default=django.utils.timezone.now)),
                        ('holder', models.UUIDField(null=True)),
                        ('held_until', models.DateTimeField(null=True)),
                        ('failure', models.CharField(blank=True, max_length=11)),
                        ('status', models.PositiveSmallIntegerField(null=True)),
                        ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to=settings.AUTH_USER_MODEL)),
                        ('webhook', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to='notices.webhook', to_field='key')),
                    ],
                    options={
                        'verbose_name': 'message with notices',
                        'verbose_name_plural': 'messages with notices',
                        'db_table': 'groups_delivery',
                        'default_permissions': (),
                    },
                ),
                migrations.CreateModel(
                    name='NoticeChoice',
                    fields=[
                        ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                        ('kind', models.CharField(max_length=9)),
                        ('how', models.CharField(choices=[('off', 'No mail'), ('at_once', 'At once'), ('digest', 'Each morning')], max_length=7)),
                        ('chosen_at', models.DateTimeField(default=django.utils.timezone.now)),
                        ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notice_choices', to=settings.AUTH_USER_MODEL)),
                    ],
                    options={
                        'verbose_name': 'choice of notices',
                        'verbose_name_plural': 'choices of notices',
                        'db_table': 'groups_noticechoice',
                        'default_permissions': (),
                        'constraints': [models.UniqueConstraint(fields=('user', 'kind'), name='one_choice_a_kind')],
                    },
                ),
                migrations.CreateModel(
                    name='Notice',
                    fields=[
                        ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                        ('kind', models.CharField(max_length=9)),
                        ('at', models.DateTimeField()),
                        ('text', models.TextField()),
                        ('path', models.CharField(max_length=200)),
                        ('due_at', models.DateTimeField()),
                        ('account', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notices', to='groups.posteraccount')),
                        ('delivery', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='notices', to='notices.delivery')),
                        ('user', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='notices', to=settings.AUTH_USER_MODEL)),
                        ('webhook', models.ForeignKey(null=True, on_delete=django.db.models.deletion.CASCADE, related_name='notices', to='notices.webhook', to_field='key')),
                    ],
                    options={
                        'verbose_name': 'notice',
                        'verbose_name_plural': 'notices',
                        'db_table': 'groups_notice',
                        'ordering': ('at', 'pk'),
                        'default_permissions': (),
                        'indexes': [models.Index(fields=['delivery', 'due_at'], name='notice_due')],
                        'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('user__isnull', True), ('webhook__isnull', False)), models.Q(('user__isnull', False), ('webhook__isnull', True)), _connector='OR'), name='notice_of_one_reader')],
                    },
                ),
                migrations.AddIndex(
                    model_name='delivery',
                    index=models.Index(fields=['state', 'next_try_at'], name='delivery_open'),
                ),
                migrations.AddIndex(
                    model_name='delivery',
                    index=models.Index(fields=['webhook', '-tried_at'], name='delivery_by_webhook'),
                ),
            ]
        )
    ]
