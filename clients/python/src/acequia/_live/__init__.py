"""Inside the live client: `format` and `events` are the bytes of the client protocol, `session` is
what is known of the session, and `socket` the connection, which is dialled again for ever."""
