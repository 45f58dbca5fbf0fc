/** What an authority is asked for. */
export interface CertificateOrder {
  /** PKCS #10 request, DER. */
  readonly csr: Buffer;
  /** Every DNS name of the request, the common name among them; what the authority has to see proven. */
  readonly dnsNames: readonly string[];
  /** As the policy asks; an authority may give less. */
  readonly validityMonths: number;
  /** The authority's own kind of product (`policy.issuer.cty`), e.g. `OV-SSL`; null where the policy names none. */
  readonly certificateType: string | null;
  /** The certificate that this one follows, DER, where it is a renewal (RFC 9773 names it to the authority). */
  readonly replaces: Buffer | null;
}

/** How far an order has come. */
export type OrderProgress =
  | { readonly state: 'issued'; readonly chain: readonly Buffer[] }
  /** `reference` is all that {@link Issuer.poll} and {@link Issuer.cancel} need, on whichever node: JSON, no secret in it. */
  | {
      readonly state: 'pending';
      readonly reference: string;
      readonly askAgainSeconds: number;
      readonly details: string;
    }
  /** The authority has refused for good; `details` is for the person who reads the pending operation, no secret in it. */
  | { readonly state: 'refused'; readonly code: string; readonly details: string };

/** Whether an authority would take an order now, asked before one is needed. */
export type IssuerHealth =
  | { readonly isGood: true }
  | { readonly isGood: false; readonly code: string; readonly details: string };

/** An authority that issues certificates. It keeps nothing: what it must know later is in the reference. */
export interface Issuer {
  /** Name of the provider as the certificates API has it: `DigiCert`, `GlobalSign`, `ACME`, `StrongroomCA`. */
  readonly provider: string;
  /** Places an order. @throws IssuerFault where nobody knows what became of it: to be asked again with the same `idempotencyKey` */
  order(order: CertificateOrder, idempotencyKey: string): Promise<OrderProgress>;
  /** Asks what became of an order. @throws IssuerFault where the authority cannot be asked now */
  poll(reference: string): Promise<OrderProgress>;
  /** Gives an order up, as far as the authority lets one. */
  cancel(reference: string): Promise<void>;
  /** Whether account and credentials would be taken now. Orders nothing; an account may be registered, which proves its binding. */
  check(): Promise<IssuerHealth>;
  /** When the authority wants the certificate renewed (RFC 9773); null where it says nothing. Milliseconds since the Unix epoch. */
  renewalAt(certificate: Buffer): Promise<number | null>;
}

/** The authority could not be asked, or gave an answer that says nothing: worth another try later. */
export class IssuerFault extends Error {
  readonly code: 'issuer-unreachable' | 'issuer-busy' | 'issuer-answer';
  /** What the authority said about when to come again; null where nothing. */
  readonly retryAfterSeconds: number | null;
  constructor(
    code: IssuerFault['code'],
    message: string,
    options: ErrorOptions & { readonly retryAfterSeconds?: number } = {},
  ) {
    super(message, options);
    this.name = 'IssuerFault';
    this.code = code;
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
  }
}
