"""Back up each night where the installation has a folder for that; a worker repeats it."""

import fcntl
import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import get_user_model
from django.utils import timezone

from poster_admin.common import backups
from poster_admin.common.serving.in_use import held

log = logging.getLogger("poster_admin.backups")


def back_up_each_night() -> None:
    """Write a backup and delete old ones, unless this night has one or another process writes it."""
    folder = backups.default_folder()
    if folder is None or not settings.BACKUP_KEEP or not get_user_model().objects.exists():
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    with held(folder / "nightly", "lock", fcntl.LOCK_EX) as is_held:
        newest = backups.newest(folder)
        if is_held and (newest is None or newest < last_night()):
            log.info("The database is backed up: %s", backups.back_up(folder))
            backups.delete_old(folder, settings.BACKUP_KEEP)


def last_night() -> datetime:
    """Return when the last night began: it is BACKUP_HOUR then on the site's clock."""
    now = timezone.localtime()
    night = now.replace(hour=settings.BACKUP_HOUR, minute=0, second=0, microsecond=0)
    return night if night <= now else night - timedelta(days=1)
