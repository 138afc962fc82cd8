"""The six layers as data, and the pipeline that selects and orders their steps."""
