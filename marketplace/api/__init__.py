"""REST addresses of the catalogue's list and of the search."""
