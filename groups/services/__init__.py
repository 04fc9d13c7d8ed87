"""Do the work between pages and Poster.

`gateway.py` makes every call: it builds a `PosterClient` from the settings and the user's own token, logs the
exchange without the token, and stops asking for a while after failures. Reads begin in `groups.py` and
`clients.py`, which share and cache answers; writes in `writes/execute.py`, many writes in `jobs/`.
"""
