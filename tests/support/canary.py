"""Look for a token in every form in which it could be written, and everywhere."""

import base64
import html
from urllib.parse import quote

from django.db import connection as database

from poster_admin.devtools.sandbox import FAULTS

# The fault matrix runs the slow ones.
QUICK = [
    name for name, fault in FAULTS.items() if not {"seconds", "interval", "megabytes"} & set(fault.options)
]


def forms_of(token):
    """Return every form in which the token could be written."""
    digits = token.rpartition(":")[2]
    return {
        digits,
        digits.upper(),
        quote(token, safe=""),
        html.escape(token),
        base64.b64encode(digits.encode()).decode().rstrip("="),
    }


def whole_database():
    with database.cursor() as cursor:
        tables = database.introspection.table_names(cursor)
        rows = []
        for table in tables:
            cursor.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - the name comes from the database itself
            rows.append(str(cursor.fetchall()))
    return "".join(rows)
