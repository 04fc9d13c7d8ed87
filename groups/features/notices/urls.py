from django.urls import path

from groups.features.notices import views

urlpatterns = [
    path("account/notices/", views.notices, name="notices"),
    path("account/notices/webhook/", views.webhook, name="webhook"),
    path("account/notices/webhook/trial/", views.webhook_trial, name="webhook_trial"),
    path("account/notices/webhook/secret/", views.webhook_secret, name="webhook_secret"),
    path("account/notices/webhook/remove/", views.webhook_remove, name="webhook_remove"),
]
