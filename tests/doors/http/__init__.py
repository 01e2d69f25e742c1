"""The door over HTTP and its client: a real server on a real socket, asked by real clients."""
