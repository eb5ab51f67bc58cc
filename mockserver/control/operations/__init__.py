"""What the control routes do: one module per resource, plain synchronous code."""
