"""Harbours, and the ways to machines: one protocol, an implementation each."""
