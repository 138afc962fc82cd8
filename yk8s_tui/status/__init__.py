"""Read-only probes of the real state."""
