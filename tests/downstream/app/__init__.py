"""A help desk's assistant: it summarises tickets, drafts replies, and charges the customer for what that cost."""
