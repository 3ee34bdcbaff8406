"""What one caller, and all of them together, may take of the machine."""

MIB = 1 << 20

# of one request
MOST_HEAD = 64 << 10  # bytes that are no picture: headers, trailers, the lengths of chunks
MOST_BODY = 10 * MIB
MOST_PICTURES = 32
BODY_SECONDS = 10.0  # until a body is here; then 408
REQUEST_SECONDS = 20.0  # until it is answered; then 503
CONNECTION_SECONDS = 30.0  # from its first byte to its last, whatever it is; then cut
IDLE_SECONDS = 5  # between two requests of a connection

# of one picture, in a process that is replaced where it takes more
PICTURE_SECONDS = 8.0
START_SECONDS = 60.0  # until that process may be given one
PICTURE_MEMORY = 1024 * MIB  # of addresses

# of all together; then 503
MOST_CONNECTIONS = 512
MOST_BUFFERED = 128 * MIB  # of bodies
MOST_WAITING = 128  # pictures
MOST_BATCH = 64  # pictures that the network reads at once
STOP_SECONDS = 25  # for what is being answered when a signal comes
