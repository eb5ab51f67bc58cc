"""What Paygentic's numbers mean. Pure: no clock, no store, no HTTP."""
