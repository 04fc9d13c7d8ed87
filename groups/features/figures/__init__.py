"""Figures of groups: a worker adds up each night what a group's clients own, bought, got and spent."""
