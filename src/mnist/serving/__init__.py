"""The model behind HTTP: a page to draw on, an endpoint, bounds on all that comes in."""
