"""Reads header fields and bodies of HTTP/1.1 messages from a buffered reader."""


def read_fields(reader):
    """Returns the header fields up to the empty line, as pairs of name and value."""
    fields = []
    while line := reader.readline().decode("latin-1").rstrip("\r\n"):
        name, _, value = line.partition(":")
        fields.append((name, value.strip()))
    return fields


def read_chunked(reader, write):
    """Passes a chunked body to `write`, piece by piece (RFC 9112 section 7.1). Ignores trailers.

    Returns whether the body is complete.
    """
    while size_line := reader.readline().partition(b";")[0].strip():
        size = int(size_line, 16)
        if size == 0:
            while reader.readline().strip():
                pass
            return True
        if not read_exactly(reader, size, write):
            return False
        reader.readline()
    return False


def read_exactly(reader, size, write):
    """Passes `size` bytes to `write`, piece by piece. Returns whether all of them arrived."""
    while size > 0 and (piece := reader.read1(size)):
        write(piece)
        size -= len(piece)
    return size == 0
