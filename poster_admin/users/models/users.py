"""Define what is known of people beside their user: who invited them, their language, their first steps."""

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Invitation(models.Model):
    """The invitation of a user; it ends with the first password that is chosen or given after it."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="invitation"
    )
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "invitation"
        verbose_name_plural = "invitations"
        default_permissions = ()

    def __str__(self) -> str:
        return self.user.get_username()


class Guardian(models.Model):
    """A person who made a user, or set the password, the e-mail address or a role: who may know a way in.

    `invited` is set for the one who made the user. `guardian` is empty once that person was removed.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="guardians")
    guardian = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+"
    )
    invited = models.BooleanField(default=False)

    class Meta:
        verbose_name = "guardian"
        verbose_name_plural = "guardians"
        default_permissions = ()
        constraints = (models.UniqueConstraint(fields=("user", "guardian"), name="one_guardian_once"),)

    def __str__(self) -> str:
        return f"{self.user_id} {self.guardian_id}"


class ChosenLanguage(models.Model):
    """The language that a user has chosen, for the next sign-in on any device."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="chosen_language"
    )
    language = models.CharField(max_length=10, choices=settings.LANGUAGES)

    class Meta:
        verbose_name = _("chosen language")
        verbose_name_plural = _("chosen languages")
        default_permissions = ()

    def __str__(self) -> str:
        return self.language


class SetupLink(models.Model):
    """The link by which the first owner is made: the digest of its token, and when it was printed."""

    digest = models.CharField(max_length=64, primary_key=True, editable=False)
    made_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "link to set up"
        verbose_name_plural = "links to set up"
        default_permissions = ()

    def __str__(self) -> str:
        return f"of {self.made_at:%F %T}"


class Guide(models.Model):
    """The first steps of the user who has set the dashboard up, until that user has finished them."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, primary_key=True, on_delete=models.CASCADE, related_name="+"
    )

    class Meta:
        verbose_name = "guide"
        verbose_name_plural = "guides"
        default_permissions = ()

    def __str__(self) -> str:
        return self.user.get_username()
