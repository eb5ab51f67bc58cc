"""What the answers look like: models for the OpenAPI document and for whoever holds answers to it.

Serving does not need them, so they are only loaded when the document is asked for.
"""
