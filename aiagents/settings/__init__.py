"""Settings by place: `local` for `make run`, `production` for servers, `test` for pytest."""
