"""A terminal wizard from bare machines to a highly available kubeadm cluster."""

__version__ = "0.1.0"
