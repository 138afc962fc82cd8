"""Measurements, side by side in one run, as ratios; see docs/performance.md."""
