"""Pages to look at worlds with, in a browser. They only read, and know no vendor."""
