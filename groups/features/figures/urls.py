from django.urls import path

from groups.features.figures import views

urlpatterns = [
    path("groups/bonuses/", views.bonus_book, name="bonuses"),
    path("groups/bonuses.csv", views.bonus_book, {"as_file": True}, name="bonuses_export"),
    path("groups/figures.csv", views.figures_file, name="figures_export"),
    path("groups/<group:group_id>/figures.csv", views.figures_file, name="group_figures_export"),
]
