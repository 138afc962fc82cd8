"""Runs: events, the pure reducer, the journal, the engine and its control."""
