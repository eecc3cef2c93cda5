"""What every REST address of ours has in common: parsing, errors, pages."""
