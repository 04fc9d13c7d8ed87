from django.urls import path

from groups.features.cards import views

urlpatterns = [
    path("cards/", views.cards, name="cards"),
    path("cards.csv", views.cards_file, name="cards_export"),
    path("cards/receipts/<group:finding_id>/", views.receipts, name="card_receipts"),
    path("cards/<group:client_id>/exempt/", views.exempt, name="card_exempt"),
    path("cards/<group:client_id>/count/", views.count, name="card_count"),
]
