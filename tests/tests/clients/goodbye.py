"""Sends a mebibyte through pen to a server that echoes, and ends in both versions of TLS with close_notify both ways."""

import socket
import ssl
import sys

certificate, name, host, port = sys.argv[1:]
content = bytes(range(256)) * 4096

for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
    context = ssl.create_default_context(cafile=certificate)
    context.minimum_version = context.maximum_version = version
    # An end without close_notify is an error.
    context.options &= ~getattr(ssl, "OP_IGNORE_UNEXPECTED_EOF", 0)
    plain = socket.create_connection((host, int(port)), timeout=30)
    tls = context.wrap_socket(plain, server_hostname=name, suppress_ragged_eofs=False)
    back = b""
    # Step by step: an SSL object must not be used by two threads at once.
    for start in range(0, len(content), 40_000):
        sent = min(start + 40_000, len(content))
        tls.sendall(content[start:sent])
        while len(back) < sent:
            part = tls.recv(65536)
            assert part, len(back)
            back += part
    assert back == content
    spoken = tls.version()
    rest = tls.unwrap()
    rest.close()
    print(spoken, "goodbye")
