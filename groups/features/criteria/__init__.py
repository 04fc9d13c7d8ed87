"""Automatic groups: a table that says who belongs in which group, and the runs that move people there."""
