"""The yardstick of `webhook-answer`: a Django project with one view that inserts one row, and nothing else."""

from __future__ import annotations

import os

import django
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import path

settings.configure(
    SECRET_KEY="bench",
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["BENCH_DATABASE"],
            "OPTIONS": {
                "transaction_mode": "IMMEDIATE",
                "timeout": 20,
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            },
        }
    },
)
django.setup()

from django.core.asgi import get_asgi_application  # noqa: E402
from django.db import connection, models  # noqa: E402


class Row(models.Model):
    body = models.BinaryField()

    class Meta:
        app_label = "bench"

    def __str__(self) -> str:
        return str(self.pk)


with connection.schema_editor() as editor:
    editor.create_model(Row)
connection.close()


def insert(request: HttpRequest) -> HttpResponse:
    if request.method == "POST":
        Row.objects.create(body=request.body)
    return HttpResponse(status=202)


urlpatterns = [path("", insert)]
application = get_asgi_application()
