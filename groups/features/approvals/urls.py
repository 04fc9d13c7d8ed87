from django.urls import path

from groups.features.approvals import views

urlpatterns = [
    path("account/limits/", views.account_limits, name="limits"),
    path("requests/", views.request_list, name="requests"),
    path("requests/<uuid:request_id>/", views.request_detail, name="request"),
    path("requests/<uuid:request_id>/approve/", views.request_approve, name="request_approve"),
    path("requests/<uuid:request_id>/refuse/", views.request_refuse, name="request_refuse"),
    path("requests/<uuid:request_id>/withdraw/", views.request_withdraw, name="request_withdraw"),
]
