"""The pages: request to service to response."""
