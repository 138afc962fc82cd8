"""The status view: what is known of a cluster, on one screen that changes nothing."""
