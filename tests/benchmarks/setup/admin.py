"""Django's own admin over the same groups in SQLite: what the dashboard is measured against.

`python -m tests.benchmarks.setup.admin` makes the database and prints the key of a session; the environment
tells where: ADMIN_DATABASE.
"""

import os
import secrets
import sys

import django
from django.conf import settings

settings.configure(
    SECRET_KEY=os.environ.get("ADMIN_SECRET_KEY") or secrets.token_urlsafe(50),
    DEBUG=False,
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": os.environ["ADMIN_DATABASE"]}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
        "django.contrib.staticfiles",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    STATIC_URL="static/",
)
django.setup()

from django.contrib import admin  # noqa: E402 - all of this needs the settings
from django.db import models  # noqa: E402
from django.urls import path  # noqa: E402


class LoyaltyGroup(models.Model):
    name = models.CharField(max_length=100)
    loyalty_type = models.SmallIntegerField(choices=[(1, "Bonus"), (2, "Discount")])
    percent = models.DecimalField(max_digits=5, decimal_places=2)
    birthday_bonus = models.DecimalField(max_digits=12, decimal_places=2)
    clients = models.IntegerField()

    class Meta:
        app_label = "auth"  # any installed one: the table is made by hand

    def __str__(self):
        return self.name


@admin.register(LoyaltyGroup)
class LoyaltyGroupAdmin(admin.ModelAdmin):
    list_display = ("name", "loyalty_type", "percent", "birthday_bonus", "clients")
    list_per_page = 50
    search_fields = ("name",)
    list_filter = ("loyalty_type",)


urlpatterns = [path("admin/", admin.site.urls)]


def prepare(groups=50):
    """Make the database with its rows, and return the key of a superuser's session."""
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connection

    from tests.benchmarks.setup.people import session_of
    from tests.benchmarks.setup.upstream import row

    call_command("migrate", verbosity=0)
    with connection.schema_editor() as editor:
        editor.create_model(LoyaltyGroup)
    rows = (row(number) for number in range(1, groups + 1))
    LoyaltyGroup.objects.bulk_create(
        LoyaltyGroup(
            name=each["client_groups_name"].replace("&#39;", "'"),
            loyalty_type=int(each["loyalty_type"]),
            percent=each["client_groups_discount"],
            birthday_bonus=int(each["birthday_bonus"]) / 100,
            clients=int(each["count_groups_clients"]),
        )
        for each in rows
    )
    return session_of(User.objects.create_superuser("admin"))


if __name__ == "__main__":
    sys.stdout.write(prepare())
