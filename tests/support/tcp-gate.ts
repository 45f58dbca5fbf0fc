import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';

/** A port before another one that can be closed as if the machine behind it were gone. */
export interface TcpGate {
  readonly port: number;
  outage(isDown: boolean): Promise<void>;
}

/** Passes connections of a free port of 127.0.0.1 on to `target`. */
export async function openGate(target: number): Promise<TcpGate> {
  const sockets = new Set<Socket>();
  const server = createServer((incoming) => {
    const outgoing = connect(target, '127.0.0.1');
    for (const socket of [incoming, outgoing]) {
      sockets.add(socket);
      socket.on('close', () => sockets.delete(socket));
      socket.on('error', () => {
        incoming.destroy();
        outgoing.destroy();
      });
    }
    incoming.pipe(outgoing).pipe(incoming);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    outage: async (isDown) => {
      if (isDown === !server.listening) return;
      if (!isDown) {
        server.listen(port, '127.0.0.1');
        await once(server, 'listening');
        return;
      }
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
