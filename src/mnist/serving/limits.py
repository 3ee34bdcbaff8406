"""Limits on what one request, and all of them together, may use."""

MIB = 1 << 20

# of one request
MOST_HEAD = 64 << 10  # bytes besides the body: headers, trailers, lengths of chunks
MOST_BODY = 10 * MIB
MOST_PICTURES = 32
BODY_SECONDS = 10.0  # to receive a body; then 408
REQUEST_SECONDS = 20.0  # to answer it; then 503
CONNECTION_SECONDS = 30.0  # from its first byte to its last; then the connection is cut
IDLE_SECONDS = 5  # between two requests of a connection

# of one picture; a process that takes more is replaced
PICTURE_SECONDS = 8.0
START_SECONDS = 60.0  # for a process to start
PICTURE_MEMORY = 1024 * MIB  # address space

# of all together; then 503
MOST_CONNECTIONS = 512
MOST_BUFFERED = 128 * MIB  # of bodies
MOST_WAITING = 128  # pictures
MOST_BATCH = 64  # pictures per batch of the network
STOP_SECONDS = 25  # to complete running requests after a signal
