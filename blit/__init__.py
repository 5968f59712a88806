"""blit: a local transfer manager that is fast, safe and a joy to watch."""

# Worker processes import this package too: nothing heavy may stand here (see worker/__init__.py).
__version__ = "0.1.0"
