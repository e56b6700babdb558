"""What stands in for Google and X on one machine."""
