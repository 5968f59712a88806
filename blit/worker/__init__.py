"""All that a worker process imports: the standard library and nothing else (a test keeps it so)."""
