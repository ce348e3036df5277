"""A WebSocket server, and a client that talks to one through pen, by the library `websockets`.

    websocket.py server                                   tells its port, and serves until it is killed
    websocket.py client NAME HOST PORT [CERTIFICATE]      ends with 0 if everything is as it should be
"""

import asyncio
import http
import json
import os
import ssl
import sys

import websockets


async def converse(socket):
    """Says how the request looked, then echoes until it is told to close."""
    seen = [[name, value] for name, value in socket.request_headers.raw_items()]
    await socket.send(json.dumps(seen))
    async for message in socket:
        if message == "close":
            await socket.close(4000, "as you wish")
            return
        await socket.send(message)


async def door(path, headers):
    if path == "/closed":
        return http.HTTPStatus.FORBIDDEN, [("Content-Type", "text/plain")], b"not here\n"
    return None


async def serve():
    options = dict(process_request=door, max_size=None, compression=None)
    async with websockets.serve(converse, "127.0.0.1", 0, **options) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.Future()


async def talk(name, host, port, certificate=None):
    scheme, options = "ws", dict(host=host, port=int(port), max_size=None, compression=None)
    if certificate:
        scheme, options["ssl"] = "wss", ssl.create_default_context(cafile=certificate)
    url = f"{scheme}://{name}:{port}"
    async with websockets.connect(f"{url}/chat", **options) as socket:
        print(await socket.recv())
        for number in range(500):
            text = f"message {number} " + "x" * (number % 300)
            await socket.send(text)
            assert await socket.recv() == text
        for length in 125, 126, 65535, 65536, 3_000_000:
            content = os.urandom(length)
            await socket.send(content)
            assert await socket.recv() == content, length
        await (await socket.ping())
        # Many at once: what looks like http within is none.
        several = ["GET / HTTP/1.1\r\nHost: x\r\n\r\n", "\r\n\r\n", "0\r\n\r\n"] * 200
        sender = asyncio.ensure_future(send_all(socket, several))
        assert [await socket.recv() for _ in several] == several
        await sender
    assert socket.close_code == 1000, socket.close_code
    async with websockets.connect(f"{url}/chat", **options) as socket:
        await socket.recv()
        await socket.send("close")
        await socket.wait_closed()
    assert (socket.close_code, socket.close_reason) == (4000, "as you wish")
    try:
        await websockets.connect(f"{url}/closed", **options)
    except websockets.InvalidStatusCode as refusal:
        assert refusal.status_code == 403
    else:
        raise AssertionError("the door was open")


async def send_all(socket, messages):
    for message in messages:
        await socket.send(message)


asyncio.run(serve() if sys.argv[1] == "server" else talk(*sys.argv[2:]))
