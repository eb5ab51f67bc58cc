from mockserver.vendors._stub import mk

vendor = mk("pareta", ("/v1", "/agent"), "pareta_sk_", True)
