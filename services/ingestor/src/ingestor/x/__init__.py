"""X's filtered stream as a source: read once, counted, its holes known and filled."""
