from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    """Django's admin, open also to those who manage users without being marked as staff."""

    default_site = "poster_admin.site.AdminSite"
