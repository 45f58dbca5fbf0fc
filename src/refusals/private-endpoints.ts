import { rows } from './row.ts';

/** Refusals of private endpoint connections. */
export const privateEndpointRefusals = rows({
  'private-endpoint-state': {
    check: 'state',
    status: 400,
    error: 'BadRequest',
    message: "A private endpoint connection that is {current} cannot become {asked}. Allowed: '{allowed}'.",
    cause: 'A connection is decided once: pending, then approved or rejected; it is disconnected by deleting it.',
    remedy: ['az keyvault private-endpoint-connection delete --vault-name VAULT --name NAME'],
  },
  'private-endpoint-changed': {
    check: 'state',
    status: 412,
    error: 'PreconditionFailed',
    message: "The private endpoint connection '{name}' has changed since it was read: its etag is '{etag}' now.",
    cause: 'The body carries the etag of an earlier state.',
    remedy: ['Read the connection again and send what is to change with its new etag, or without one.'],
  },
});
