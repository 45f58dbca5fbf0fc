/** Where a key of a token is: what is sealed in the store in place of a key. */
export interface TokenReference {
  /** The token's serial number. */
  readonly token: string;
  /** CKA_ID of its objects, in hexadecimal. */
  readonly id: string;
}

/** The reference as material. */
export function writeTokenReference(reference: TokenReference): Buffer {
  return Buffer.from(JSON.stringify(reference));
}

/** The reference in the material of a key of a hardware type. */
export function readTokenReference(material: Buffer): TokenReference {
  return JSON.parse(material.toString('utf8')) as TokenReference;
}
