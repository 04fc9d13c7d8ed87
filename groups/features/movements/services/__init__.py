"""Read who is in which group once a night, and tell who came and who left."""
