from django.urls import path

from tests.outside.notes.views import write

urlpatterns = [path("groups/<group:group_id>/note/", write, name="note")]
