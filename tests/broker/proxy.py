#!/usr/bin/env python3
"""Stands between a Kafka client and its broker and meddles with single requests.

    proxy.py LISTEN BROKER CONTROL      ports on 127.0.0.1

One command a line on CONTROL, each answered with a line:

    hold KEY      the next request with this ApiKey is kept and the client's connection is cut
    wait          answers when that has happened
    release       what is kept goes to the broker, on the connection it came by
    freeze KEY    connections that ask this go silent, both ways, from the next such request on
    thaw          they speak again

SPDX-License-Identifier: Apache-2.0
"""
import asyncio
import struct
import sys


class Proxy:
    """All connections, and what is to be done to them."""

    def __init__(self, broker):
        self.broker = broker
        self.hold = self.frozen = None
        self.kept = []
        self.held, self.warm = asyncio.Event(), asyncio.Event()
        self.warm.set()

    @staticmethod
    async def frame(reader):
        head = await reader.readexactly(4)
        return head + await reader.readexactly(struct.unpack(">i", head)[0])

    async def client(self, reader, writer):
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.broker)
        await asyncio.gather(self.up(reader, writer, up_writer), self.down(up_reader, writer))

    async def up(self, reader, writer, broker):
        try:
            while True:
                frame = await self.frame(reader)
                key = struct.unpack(">h", frame[4:6])[0]
                if key == self.hold:
                    self.hold = None
                    self.kept.append((frame, broker))
                    self.held.set()
                    writer.close()
                    return
                if key == self.frozen:
                    await self.warm.wait()
                broker.write(frame)
                await broker.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            broker.close()

    async def down(self, reader, writer):
        try:
            while True:
                writer.write(await self.frame(reader))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def control(self, reader, writer):
        while words := (await reader.readline()).decode().split():
            if words[0] == "hold":
                self.held.clear()
                self.hold = int(words[1])
            elif words[0] == "wait":
                await self.held.wait()
            elif words[0] == "release":
                for frame, broker in self.kept:
                    broker.write(frame)
                    await broker.drain()
                self.kept.clear()
                await asyncio.sleep(0.5)
            elif words[0] == "freeze":
                self.warm.clear()
                self.frozen = int(words[1])
            elif words[0] == "thaw":
                self.frozen = None
                self.warm.set()
            writer.write(b"ok\n")
            await writer.drain()
        writer.close()


async def main():
    listen, broker, control = map(int, sys.argv[1:])
    proxy = Proxy(broker)
    servers = [await asyncio.start_server(proxy.client, "127.0.0.1", listen),
               await asyncio.start_server(proxy.control, "127.0.0.1", control)]
    await asyncio.gather(*(server.serve_forever() for server in servers))


asyncio.run(main())
