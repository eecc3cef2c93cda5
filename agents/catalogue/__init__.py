"""Definition files and frozen values: reading, checking, writing; no Django, no database."""
