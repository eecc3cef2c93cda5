"""Pure functions that turn values into HTML or SVG."""
