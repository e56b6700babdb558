"""Replay: logged events through the services again, on a lane of their own."""
