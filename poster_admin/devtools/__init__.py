"""Tools for developers: the sandbox that stands for Poster, the demo, and the gallery of pieces and states.

The product imports nothing of it, and `poster_admin.settings` does not install it.
"""
