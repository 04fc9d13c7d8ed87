from django.urls import path

from groups.features.approvals.views import pages

urlpatterns = [
    path("account/limits/", pages.account_limits, name="limits"),
    path("requests/", pages.request_list, name="requests"),
    path("requests/<uuid:request_id>/", pages.request_detail, name="request"),
    path("requests/<uuid:request_id>/approve/", pages.request_approve, name="request_approve"),
    path("requests/<uuid:request_id>/refuse/", pages.request_refuse, name="request_refuse"),
]
