"""Planned changes: values of a group that come at one time, and go at another one."""
