"""What the dashboard can do beside its core: each folder is an app that `FEATURES_OFF` can leave out."""
