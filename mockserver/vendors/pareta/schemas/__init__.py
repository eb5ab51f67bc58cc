"""The wire, as documented, one module per resource: what requests must be, and what results become."""
