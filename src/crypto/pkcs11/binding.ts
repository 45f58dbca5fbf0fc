import { createRequire } from 'node:module';
import { join } from 'node:path';

/** A handle of Cryptoki: a session, a slot or an object. */
export type Handle = Buffer;

/** One attribute of an object. */
export interface Attribute {
  readonly type: number;
  readonly value?: Buffer | number | boolean | string;
}

/** A mechanism as the binding takes it. */
export interface NativeMechanism {
  readonly mechanism: number;
  readonly parameter: Buffer | object | null;
}

/** What is used of a token's description. */
export interface TokenInfo {
  readonly label: string;
  readonly serialNumber: string;
  readonly model: string;
  readonly manufacturerID: string;
  readonly flags: number;
}

/** The functions of Cryptoki (PKCS #11 v2.40) that are used, as the package `pkcs11js` has them. */
export interface Cryptoki {
  load(path: string): void;
  C_Initialize(options: { readonly flags: number }): void;
  C_GetSlotList(withToken: boolean): Handle[];
  C_GetTokenInfo(slot: Handle): TokenInfo;
  C_GetMechanismList(slot: Handle): number[];
  C_GetSessionInfo(session: Handle): unknown;
  C_OpenSession(slot: Handle, flags: number): Handle;
  C_Login(session: Handle, user: number, pin: string): void;
  C_FindObjectsInit(session: Handle, template: readonly Attribute[]): void;
  C_FindObjects(session: Handle, count: number): Handle[];
  C_FindObjectsFinal(session: Handle): void;
  C_GetAttributeValue(session: Handle, object: Handle, template: readonly Attribute[]): { value: Buffer }[];
  C_CreateObject(session: Handle, template: readonly Attribute[]): Handle;
  C_DestroyObject(session: Handle, object: Handle): void;
  C_GenerateKeyAsync(session: Handle, mechanism: NativeMechanism, template: readonly Attribute[]): Promise<Handle>;
  C_GenerateKeyPairAsync(
    session: Handle,
    mechanism: NativeMechanism,
    publicTemplate: readonly Attribute[],
    privateTemplate: readonly Attribute[],
  ): Promise<{ readonly publicKey: Handle; readonly privateKey: Handle }>;
  C_SignInit(session: Handle, mechanism: NativeMechanism, key: Handle): void;
  C_SignAsync(session: Handle, input: Buffer, output: Buffer): Promise<Buffer>;
  C_EncryptInit(session: Handle, mechanism: NativeMechanism, key: Handle): void;
  C_EncryptAsync(session: Handle, input: Buffer, output: Buffer): Promise<Buffer>;
  C_DecryptInit(session: Handle, mechanism: NativeMechanism, key: Handle): void;
  C_DecryptAsync(session: Handle, input: Buffer, output: Buffer): Promise<Buffer>;
  C_WrapKeyAsync(
    session: Handle,
    mechanism: NativeMechanism,
    wrapping: Handle,
    key: Handle,
    output: Buffer,
  ): Promise<Buffer>;
  C_UnwrapKeyAsync(
    session: Handle,
    mechanism: NativeMechanism,
    unwrapping: Handle,
    wrapped: Buffer,
    template: readonly Attribute[],
  ): Promise<Handle>;
  C_DeriveKeyAsync(
    session: Handle,
    mechanism: NativeMechanism,
    key: Handle,
    template: readonly Attribute[],
  ): Promise<Handle>;
  C_GenerateRandom(session: Handle, output: Buffer): Buffer;
}

/** The package: its class, and the constants of the specification by their names. */
export interface Binding {
  readonly PKCS11: new () => Cryptoki;
  readonly [constant: string]: unknown;
}

/** The version of `pkcs11js` that this release was tested with. */
export const BINDING_VERSION = '2.1.7';

/**
 * Loads `pkcs11js` as a program in `directory` would. It is no dependency of the project: it is compiled at its install, which the
 * default install must not need.
 * @throws the loader's error where it is not there, or was built for another Node
 */
export function loadBinding(directory: string): Binding {
  return createRequire(join(directory, 'from-here.cjs'))('pkcs11js') as Binding;
}

/** The value of a constant of the specification. */
export function constant(binding: Binding, name: string): number {
  const value = binding[name];
  if (typeof value !== 'number') throw new Error(`The package pkcs11js has no constant ${name}.`);
  return value;
}
