"""Run the production server."""
