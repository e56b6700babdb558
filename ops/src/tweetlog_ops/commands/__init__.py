"""The commands of `tweetlog`, a module each; `add` declares it."""
