"""One module per resource: load, decide, save; each call inside one transaction."""
