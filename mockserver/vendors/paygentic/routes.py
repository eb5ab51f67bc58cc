from mockserver.vendors._stub import mk
vendor = mk("paygentic", ("/v0",), "sk_", False)
