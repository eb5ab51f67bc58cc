"""What the answers look like: models for the OpenAPI document and for whoever holds answers to it.

Serving does not need them, so each is only loaded when the document is asked for.
"""
