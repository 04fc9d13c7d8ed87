"""Features of the dashboard beside its core: each folder is an app that `FEATURES_OFF` can leave out."""
