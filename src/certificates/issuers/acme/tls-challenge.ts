import { createSecureContext, createServer, type SecureContext } from 'node:tls';
import { proofCertificate } from '../../../crypto/acme-keys.ts';
import type { ChallengeSolver } from './challenge.ts';
import { type ListenAt, Shown } from './shown.ts';

const PROTOCOL = 'acme-tls/1';
const SHORT_MS = 5000;

/** tls-alpn-01 (RFC 8737): a TLS listener that speaks `acme-tls/1` alone and shows a certificate for the asked name. */
export function tlsListener(at: ListenAt): ChallengeSolver {
  const shown = new Shown<SecureContext>(at, (find) => {
    const server = createServer({
      ALPNProtocols: [PROTOCOL],
      minVersion: 'TLSv1.2',
      handshakeTimeout: SHORT_MS,
      SNICallback: (name, answer) => {
        const context = find(name.toLowerCase());
        answer(context ? null : new Error('no such challenge'), context);
      },
    });
    // The handshake is all there is to it (RFC 8737 §3).
    server.on('secureConnection', (socket) => {
      socket.on('error', () => undefined);
      socket.end();
    });
    server.on('tlsClientError', (_error, socket) => socket.destroy());
    return server;
  });
  return {
    type: 'tls-alpn-01',
    lasts: false,
    settleSeconds: 0,
    present: async ({ domain, proof }) => {
      const { keyPem, certificatePem } = await proofCertificate(domain, proof);
      await shown.add(domain.toLowerCase(), createSecureContext({ key: keyPem, cert: certificatePem }));
    },
    withdraw: ({ domain }) => shown.remove(domain.toLowerCase()),
  };
}
