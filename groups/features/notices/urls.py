from django.urls import path

from groups.features.notices import views

urlpatterns = [
    path("account/notices/", views.notices, name="notices"),
    path("account/notices/telegram/", views.telegram_chat, name="telegram"),
    path("account/notices/telegram/trial/", views.telegram_trial, name="telegram_trial"),
    path("account/notices/telegram/remove/", views.telegram_remove, name="telegram_remove"),
]
