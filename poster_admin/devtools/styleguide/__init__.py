"""What pages are made of, and every state they can be in: `/styleguide/`, for developers, only with DEBUG.

Its own texts are English and in no catalogue, since nobody else ever reads them.
"""
