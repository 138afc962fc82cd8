"""The setup wizard: its questions as data, its answers as a plain dictionary, and its screen."""
