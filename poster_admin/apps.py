from django.contrib.admin.apps import AdminConfig as DjangoAdminConfig


class AdminConfig(DjangoAdminConfig):
    """Register `site.AdminSite` as Django's admin site."""

    default_site = "poster_admin.site.AdminSite"
