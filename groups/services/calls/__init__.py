"""Bound, share and count the calls to Poster."""
