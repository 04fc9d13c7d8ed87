"""Movements: a worker looks once a night who is in which group, and tells who came and who left."""
