"""A client of the Poster Web API (joinposter.com): its five methods of marketing client groups.

    >>> from groups.poster import PosterClient
    >>> with PosterClient("demo", token) as poster:  # doctest: +SKIP
    ...     for group in poster.get_groups().groups:
    ...         print(group.name, group.percent, group.clients)

It knows nothing of Django and could be published as it is. `errors` draws the tree of what can go wrong.
"""
