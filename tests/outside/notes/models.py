from django.db import models

from groups.models import PosterAccount


class Note(models.Model):
    account = models.ForeignKey(PosterAccount, on_delete=models.CASCADE)
    group_id = models.PositiveIntegerField()
    text = models.CharField(max_length=200)

    def __str__(self):
        return self.text
