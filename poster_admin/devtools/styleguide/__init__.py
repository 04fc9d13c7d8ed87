"""The gallery at `/styleguide/`: every piece and every state of the pages, for developers, only with DEBUG.

Its texts are English and in no catalogue, since only developers read them.
"""
