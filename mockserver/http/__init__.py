"""How any vendor speaks HTTP: endpoints, the request pipeline, streaming, servers. Knows no vendor."""
