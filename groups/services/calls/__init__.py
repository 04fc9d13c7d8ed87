"""Bound and count the calls to Poster."""
