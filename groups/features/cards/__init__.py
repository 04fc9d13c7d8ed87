"""Cards on more receipts than a guest's would be on, found by the nightly run of the figures."""
