"""Clients from group to group, and the retirement of a group: all its clients are moved, and it goes.

A group is removed only when each client of its snapshot is proven to have left: a client that Poster omits
while the group is read would be removed with it for good.
"""
