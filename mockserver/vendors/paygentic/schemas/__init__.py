"""The wire, one module per resource: what is accepted, as strict as the published schema, and what results become.

Request and query models end in `to_domain`; `present_*` makes the bodies that `answers` documents. camelCase exists
here alone.
"""
