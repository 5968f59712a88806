"""What earlier runs were like: recorded, reported and looked through; it never leaves the machine."""
