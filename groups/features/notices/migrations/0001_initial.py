import django.db.models.deletion
import django.utils.timezone
import poster_admin.common.encryption
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('groups', '0001_initial'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='NoticeCursor',
            fields=[
                ('account', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='notice_cursor', serialize=False, to='groups.posteraccount')),
                ('looked_at', models.DateTimeField()),
            ],
            options={'db_table': 'groups_noticecursor', 'default_permissions': ()},
        ),
        migrations.CreateModel(
            name='TelegramChat',
            fields=[
                ('user', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='telegram_chat', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('token', poster_admin.common.encryption.EncryptedField(editable=False)),
                ('chat', poster_admin.common.encryption.EncryptedField(editable=False)),
                ('set_at', models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={'default_permissions': ()},
        ),
        migrations.CreateModel(
            name='Delivery',
            fields=[
                ('holder', models.UUIDField(null=True)),
                ('held_until', models.DateTimeField(null=True)),
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('state', models.CharField(choices=[('waiting', 'Waiting'), ('sent', 'Sent'), ('given_up', 'Given Up'), ('dropped', 'Dropped')], default='waiting', max_length=8)),
                ('created_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('tries', models.PositiveSmallIntegerField(default=0)),
                ('tried_at', models.DateTimeField(null=True)),
                ('next_try_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('failure', models.CharField(blank=True, choices=[('unreachable', 'Telegram could not be reached'), ('telegram', 'Telegram answered with an error'), ('bot', 'Telegram does not know the bot; enter the token that @BotFather shows now'), ('chat', 'the bot may not write in this chat; add it there, or send it /start'), ('secret', 'what is stored about the chat cannot be read; enter it again'), ('mail', 'the mail server did not take it'), ('token', 'Poster does not accept the token of its reader')], max_length=11)),
                ('detail', models.CharField(blank=True, max_length=20)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='deliveries', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'groups_delivery',
                'default_permissions': (),
                'indexes': [models.Index(fields=['state', 'next_try_at'], name='delivery_open')],
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
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notices', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'groups_notice',
                'ordering': ('at', 'pk'),
                'default_permissions': (),
                'indexes': [models.Index(fields=['delivery', 'due_at'], name='notice_due')],
            },
        ),
        migrations.CreateModel(
            name='NoticeChoice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=9)),
                ('how', models.CharField(choices=[('off', 'Not at all'), ('at_once', 'At once'), ('digest', 'Each morning')], max_length=7)),
                ('chosen_at', models.DateTimeField(default=django.utils.timezone.now)),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notice_choices', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'db_table': 'groups_noticechoice',
                'default_permissions': (),
                'constraints': [models.UniqueConstraint(fields=('user', 'kind'), name='one_choice_a_kind')],
            },
        ),
    ]
