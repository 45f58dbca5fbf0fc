import {
  BINDING_VERSION,
  type Binding,
  type Cryptoki,
  constant,
  type Handle,
  loadBinding,
  type TokenInfo,
} from './binding.ts';
import { KnownFailure, returnValueOf } from './faults.ts';
import { usedMechanisms } from './mechanisms.ts';
import type { TokenFacts, TokenRequest, TokenSelector } from './messages.ts';

/** A token with its sessions, logged in. */
export interface OpenToken {
  readonly binding: Binding;
  readonly cryptoki: Cryptoki;
  readonly slot: Handle;
  readonly sessions: readonly Handle[];
  readonly facts: TokenFacts;
}

/** Loads the module, finds the token and logs in. @throws KnownFailure `lost`: each reason with what the operator can do */
export function openToken(request: Extract<TokenRequest, { op: 'open' }>): OpenToken {
  const binding = attempt('The package pkcs11js cannot be loaded', () => loadBinding(request.bindingDirectory));
  const cryptoki = new binding.PKCS11();
  attempt(`The module ${request.module} cannot be loaded`, () => cryptoki.load(request.module));
  attempt(`The module ${request.module} does not begin`, () =>
    cryptoki.C_Initialize({ flags: constant(binding, 'CKF_OS_LOCKING_OK') }),
  );
  const { slot, info } = findSlot(binding, cryptoki, request.selector);
  const flags = constant(binding, 'CKF_SERIAL_SESSION') | constant(binding, 'CKF_RW_SESSION');
  const sessions = attempt('No session with the token can be opened', () =>
    Array.from({ length: request.sessions }, () => cryptoki.C_OpenSession(slot, flags)),
  );
  logIn(binding, cryptoki, sessions[0]!, request);
  const there = new Set(cryptoki.C_GetMechanismList(slot));
  return {
    binding,
    cryptoki,
    slot,
    sessions,
    facts: {
      label: info.label.trim(),
      serial: info.serialNumber.trim(),
      model: info.model.trim(),
      mechanisms: usedMechanisms.filter((name) => there.has(constant(binding, name))),
    },
  };
}

function findSlot(
  binding: Binding,
  cryptoki: Cryptoki,
  selector: TokenSelector,
): { readonly slot: Handle; readonly info: TokenInfo } {
  const slots = attempt('The slots cannot be listed', () => cryptoki.C_GetSlotList(true));
  const tokens = slots.flatMap((slot) => {
    try {
      return [{ slot, info: cryptoki.C_GetTokenInfo(slot) }];
    } catch {
      // A token that was taken out a moment ago.
      return [];
    }
  });
  const initialised = constant(binding, 'CKF_TOKEN_INITIALIZED');
  const found = tokens.filter(({ info }, index) => {
    if ('slot' in selector) return index === selector.slot;
    if ((info.flags & initialised) === 0) return false;
    return 'label' in selector ? info.label.trim() === selector.label : info.serialNumber.trim() === selector.serial;
  });
  const [name, value] = Object.entries(selector)[0]!;
  if (found.length === 0) throw new KnownFailure('lost', `There is no token with the ${name} ${value}.`);
  if (found.length > 1) {
    throw new KnownFailure('lost', `There is more than one token with the ${name} ${value}: name it by its serial.`);
  }
  return found[0]!;
}

function logIn(
  binding: Binding,
  cryptoki: Cryptoki,
  session: Handle,
  { pin, isOfficer }: { readonly pin: string; readonly isOfficer: boolean },
): void {
  try {
    cryptoki.C_Login(session, constant(binding, isOfficer ? 'CKU_SO' : 'CKU_USER'), pin);
  } catch (error) {
    const name = returnValueOf(error);
    if (name === 'CKR_USER_ALREADY_LOGGED_IN') return;
    const isOfPin = name?.startsWith('CKR_PIN_') === true;
    throw new KnownFailure(isOfPin ? 'pin' : 'lost', `The token refused the PIN: ${name ?? 'no reason given'}.`);
  }
}

/** The reasons of loaders name paths; whatever else they say stays out. */
function attempt<T>(what: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: string };
    const reason =
      returnValueOf(error) ??
      (code === 'MODULE_NOT_FOUND' ? `it is not installed (npm install pkcs11js@${BINDING_VERSION})` : message);
    throw new KnownFailure('lost', `${what}: ${String(reason).split('\n')[0]!.slice(0, 200)}.`);
  }
}
