"""The model behind HTTP: a page to draw on, an endpoint, limits on every request."""
