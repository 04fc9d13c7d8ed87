"""Do the work between pages and Poster.

Every call goes through `gateway.py`. Reads begin in `groups.py` and `clients.py`, writes in
`writes/execute.py`, many writes in `jobs/`.
"""
