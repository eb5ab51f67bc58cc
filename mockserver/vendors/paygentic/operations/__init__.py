"""One module per resource: load, decide, save, inside the request's unit of work."""
