"""Django's SQLite, without the habit of making a file for any path that is requested."""
