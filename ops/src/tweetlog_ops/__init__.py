"""The operator's command `tweetlog`."""
