"""Checks with a verdict, a measured value, a limit and a remedy."""
