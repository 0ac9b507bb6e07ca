"""Frames that no client of HTTP/2 sends, byte by byte (RFC 9113). One line of JSON a case: what the
server did with the connection or the stream.

malformed.py ADDRESS PORT CERTIFICATE TOKEN
"""

import json
import socket
import ssl
import struct
import sys

from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    GoAwayFrame,
    HeadersFrame,
    PingFrame,
    RstStreamFrame,
    SettingsFrame,
    WindowUpdateFrame,
)

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
NAMES = [
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
]

address, port, certificate, token = sys.argv[1:]
GOOD = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", f"{address}:{port}"),
    (":path", "/"),
    ("authorization", f"Bearer {token}"),
]


def raw(kind, flags, stream, payload, length=None):
    length = len(payload) if length is None else length
    return struct.pack(">I", length)[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def block(fields):
    return Encoder().encode(fields)


def headers(stream, fields, flags=("END_HEADERS", "END_STREAM")):
    frame = HeadersFrame(stream, block(fields))
    for flag in flags:
        frame.flags.add(flag)
    return frame.serialize()


def without(name):
    return [field for field in GOOD if field[0] != name]


def data(stream, payload, flags=("END_STREAM",)):
    frame = DataFrame(stream, payload)
    for flag in flags:
        frame.flags.add(flag)
    return frame.serialize()


def settings(payload, flags=0):
    return raw(SettingsFrame.type, flags, 0, payload)


def post(length):
    fields = without(":method") + [("content-length", str(length))]
    return headers(1, [(":method", "POST")] + fields, ("END_HEADERS",))


def resets(count):
    sent = b""
    for number in range(count):
        stream = 2 * number + 1
        sent += headers(stream, GOOD) + raw(RstStreamFrame.type, 0, stream, struct.pack(">I", 8))
    return sent


def continuations(count):
    first = HeadersFrame(1, block(GOOD))
    first.flags.add("END_STREAM")
    more = Encoder()
    sent = first.serialize()
    for number in range(count):
        fields = [(f"x-{number}-{part}", "y" * 200) for part in range(60)]
        sent += ContinuationFrame(1, more.encode(fields)).serialize()
    return sent


CASES = {
    "4.2 a frame longer than allowed": raw(DataFrame.type, 0, 1, b"x" * 16385),
    "4.3 a header block that is none": raw(HeadersFrame.type, 0x5, 1, b"\xff\xff\xff\xff\xff\xff"),
    "5.1 data on an idle stream": data(1, b"x"),
    "5.1.1 a stream of an even number": headers(2, GOOD),
    "5.1.1 a stream number that goes back": headers(5, GOOD) + headers(3, GOOD),
    "6.1 data on stream 0": raw(DataFrame.type, 0, 0, b"x"),
    "6.1 padding longer than the frame": headers(1, GOOD, ("END_HEADERS",))
    + raw(DataFrame.type, 0x8, 1, b"\xffx"),
    "6.2 headers on stream 0": raw(HeadersFrame.type, 0x5, 0, block(GOOD)),
    "6.4 a reset of an idle stream": raw(RstStreamFrame.type, 0, 1, struct.pack(">I", 8)),
    "6.4 a reset of a wrong length": headers(1, GOOD, ("END_HEADERS",))
    + raw(RstStreamFrame.type, 0, 1, b"\0\0\0"),
    "6.5 settings on a stream": raw(SettingsFrame.type, 0, 1, b""),
    "6.5 settings of a wrong length": settings(b"\0\0\0\0\0"),
    "6.5 an acknowledgement with settings": settings(struct.pack(">HI", 3, 1), 1),
    "6.5.2 a window that is too large": settings(struct.pack(">HI", 4, 1 << 31)),
    "6.5.2 a frame size that is too small": settings(struct.pack(">HI", 5, 100)),
    "6.5.2 a push that is neither on nor off": settings(struct.pack(">HI", 2, 2)),
    "6.6 a push from a client": raw(5, 0x4, 1, struct.pack(">I", 2) + block(GOOD)),
    "6.7 a ping of a wrong length": raw(PingFrame.type, 0, 0, b"1234567"),
    "6.7 a ping on a stream": raw(PingFrame.type, 0, 1, b"12345678"),
    "6.9 a window that grows by nothing": raw(WindowUpdateFrame.type, 0, 0, struct.pack(">I", 0)),
    "6.9.1 a window that overflows": raw(
        WindowUpdateFrame.type, 0, 0, struct.pack(">I", (1 << 31) - 1)
    ),
    "6.10 a continuation of nothing": raw(ContinuationFrame.type, 0x4, 1, block(GOOD)),
    "6.10 another frame within headers": headers(1, GOOD, ()) + raw(PingFrame.type, 0, 0, b"8" * 8),
    "8.1.1 less data than announced": post(5) + data(1, b"abc"),
    "8.1.1 more data than announced": post(1) + data(1, b"abc"),
    "8.2.1 a name with capitals": headers(1, GOOD + [("X-Up", "1")]),
    "8.2.1 a line end in a value": headers(1, GOOD + [("x", "a\r\nb: c")]),
    "8.2.2 a header of the connection": headers(1, GOOD + [("connection", "close")]),
    "8.2.2 a transfer encoding": headers(1, GOOD + [("transfer-encoding", "chunked")]),
    "8.2.2 te with more than trailers": headers(1, GOOD + [("te", "gzip")]),
    "8.3 a pseudo-header after others": headers(1, without(":path") + [(":path", "/")]),
    "8.3 a pseudo-header that there is not": headers(1, [(":x", "1")] + GOOD),
    "8.3.1 no path": headers(1, without(":path")),
    "8.3.1 an empty path": headers(1, [(":path", "")] + without(":path")),
    "8.3.1 two methods": headers(1, [(":method", "GET")] + GOOD),
    "8.3.1 no method": headers(1, without(":method")),
    "3.4 no preface": None,
    "10.5 a flood of resets": resets(2000),
    "10.5.1 a head without an end": continuations(200),
    "a good request": headers(1, GOOD),
}


def connect():
    context = ssl.create_default_context(cafile=certificate)
    context.check_hostname = False
    context.set_alpn_protocols(["h2"])
    stream = socket.create_connection((address, int(port)), timeout=20)
    return context.wrap_socket(stream, server_hostname="localhost")


def name(code):
    return NAMES[code] if code < len(NAMES) else str(code)


def outcome(stream):
    """What the server does, until it says so or closes."""
    received = b""
    while True:
        try:
            more = stream.recv(65536)
        except (ConnectionError, ssl.SSLError):
            more = b""
        if not more:
            return "closed"
        received += more
        while len(received) >= 9:
            frame, length = Frame.parse_frame_header(memoryview(received[:9]))
            if len(received) < 9 + length:
                break
            frame.parse_body(memoryview(received[9 : 9 + length]))
            received = received[9 + length :]
            if isinstance(frame, GoAwayFrame):
                return "GOAWAY " + name(frame.error_code)
            if isinstance(frame, RstStreamFrame):
                return "RST_STREAM " + name(frame.error_code)
            if isinstance(frame, HeadersFrame):
                # A status of the static table, or a literal.
                first = frame.data[0]
                static = {0x88: 200, 0x8C: 400}
                return "answer " + str(static.get(first, frame.data[:6].hex()))


for case, sent in CASES.items():
    with connect() as stream:
        try:
            if sent is None:
                stream.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            else:
                stream.sendall(PREFACE + SettingsFrame(0).serialize() + sent)
        except (ConnectionError, ssl.SSLError):
            # It was closed while we were still sending.
            pass
        print(json.dumps([case, outcome(stream)]), flush=True)
