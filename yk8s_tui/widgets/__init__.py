"""Reusable widgets, fed by models and run state."""
