/** How far the making of a version has come, as the wire says it. */
export type OperationStatus = 'inProgress' | 'completed' | 'cancelled' | 'failed';

/** Why an operation has failed or does not get on. No secret in it. */
export interface OperationError {
  readonly code: string;
  readonly message: string;
}

/** The making of a version: the pending operation of the wire, and what the server needs to go on with it. Instants in milliseconds. */
export interface CertificateOperation {
  /** 32 hexadecimal digits. */
  readonly requestId: string;
  /** The version that is made. */
  readonly version: string;
  /** As the policy had it when it began. */
  readonly issuer: string;
  readonly certificateType: string | null;
  readonly certTransparency: boolean | null;
  /** The request in base64 of its DER. */
  readonly csr: string;
  readonly status: OperationStatus;
  readonly statusDetails: string;
  readonly error: OperationError | null;
  readonly isCancelled: boolean;
  readonly preserveOrder: boolean;
  /** What the issuer needs to find the order again; null before it is placed. */
  readonly reference: string | null;
  /** Failures since the last success, which space the attempts. */
  readonly failures: number;
  readonly started: number;
  /** Whether the policy began it, not a caller. */
  readonly isRenewal: boolean;
  /** Whether the version is enabled once it is issued. */
  readonly enabled: boolean;
  /** When somebody was last told that it does not get on; null where nobody was. */
  readonly alarmed: number | null;
}

const WAITING =
  'Pending certificate created. Certificate request is in progress. This may take some time based on the issuer provider. Please check again later.';
const TO_MERGE = 'Pending certificate created. Please Perform Merge to complete the request.';

const FIRST_WAIT_MS = 60_000;
const LONGEST_WAIT_MS = 6 * 3_600_000;

/** An operation that has just begun. */
export function beginOperation(
  order: Pick<
    CertificateOperation,
    | 'requestId'
    | 'version'
    | 'issuer'
    | 'certificateType'
    | 'certTransparency'
    | 'csr'
    | 'preserveOrder'
    | 'started'
    | 'isRenewal'
    | 'enabled'
  >,
  isMerged: boolean,
): CertificateOperation {
  return {
    ...order,
    status: 'inProgress',
    statusDetails: isMerged ? TO_MERGE : WAITING,
    error: null,
    isCancelled: false,
    reference: null,
    failures: 0,
    alarmed: null,
  };
}

/** The same, ended well. */
export function completed(operation: CertificateOperation): CertificateOperation {
  return { ...operation, status: 'completed', statusDetails: '', error: null, failures: 0 };
}

/** The same, ended for good without a certificate. */
export function failed(operation: CertificateOperation, error: OperationError): CertificateOperation {
  return { ...operation, status: 'failed', statusDetails: error.message, error };
}

/** The same, given up by a caller. */
export function cancelled(operation: CertificateOperation): CertificateOperation {
  return {
    ...operation,
    status: 'cancelled',
    isCancelled: true,
    statusDetails: 'The certificate operation was cancelled.',
  };
}

/** The same after an attempt that brought nothing and may be made again. */
export function hindered(operation: CertificateOperation, error: OperationError): CertificateOperation {
  return { ...operation, failures: operation.failures + 1, statusDetails: error.message, error };
}

/**
 * How long to wait before the next attempt, in milliseconds: a minute after the first failure, twice as long after each further one,
 * never more than six hours.
 */
export function waitAfter(failures: number): number {
  return Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** Math.min(Math.max(0, failures - 1), 12));
}

/** Whether an operation still waits for somebody. */
export function isOpen(
  operation: CertificateOperation | null,
): operation is CertificateOperation & { readonly status: 'inProgress' } {
  return operation?.status === 'inProgress';
}
