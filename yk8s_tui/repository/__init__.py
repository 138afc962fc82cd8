"""The cluster repository on disk: load, save, drafts, lock, secrets."""
