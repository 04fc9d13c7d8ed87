"""Movements: a worker polls once a night who is in which group, and reports who came and who left."""
