"""Small PNG files, without an image library."""

import struct
import zlib


def draw(seed, strength=1.0, side=64):
    """A square of one colour that follows from the seed."""
    colour = [int((seed * factor % 251) * strength) for factor in (7, 13, 29)]
    row = b"\0" + bytes(colour) * side
    return b"\x89PNG\r\n\x1a\n" + b"".join([
        _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)),
        _chunk(b"IDAT", zlib.compress(row * side)),
        _chunk(b"IEND", b""),
    ])


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
