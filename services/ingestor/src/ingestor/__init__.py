"""The ingestor: publishes each tweet as received."""
