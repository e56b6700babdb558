"""The enricher: adds language, hashtags and more to each tweet and publishes it again."""
