"""Route the addresses of the people who use the dashboard, all below /people/."""

from django.urls import path

from poster_admin.users.pages import people_views as views

app_name = "people"
urlpatterns = [
    path("", views.person_list, name="list"),
    path("new/", views.person_new, name="new"),
    path("<int:user_id>/", views.person_detail, name="person"),
    path("<int:user_id>/invite/", views.person_invite, name="invite"),
    path("<int:user_id>/password/", views.person_password, name="password"),
    path("<int:user_id>/block/", views.person_block, name="block"),
    path("<int:user_id>/sign-out/", views.person_sign_out, name="sign_out"),
    path("<int:user_id>/second-factor/", views.person_second_factor, name="second_factor"),
]
