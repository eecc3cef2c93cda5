"""The REST face of accounts, and how every REST address of ours learns who asks."""
