"""What earlier runs were like: recorded, reported, looked through; it never leaves the machine."""
