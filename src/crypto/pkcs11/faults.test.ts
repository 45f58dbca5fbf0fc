import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failureOf, isAmbiguous, KnownFailure, returnValueOf } from './faults.ts';

const error = (name: string) => new Error(name);

describe('what a return value of Cryptoki means', () => {
  it('is the fault of the input, of the token for good, of an object that is gone, or that the token is lost', () => {
    for (const [name, failure] of [
      ['CKR_ENCRYPTED_DATA_INVALID', 'input'],
      ['CKR_WRAPPED_KEY_LEN_RANGE', 'input'],
      ['CKR_MECHANISM_INVALID', 'unsupported'],
      ['CKR_KEY_UNEXTRACTABLE', 'unsupported'],
      ['CKR_KEY_HANDLE_INVALID', 'missing'],
      ['CKR_DEVICE_REMOVED', 'lost'],
      ['CKR_DEVICE_ERROR', 'lost'],
      ['CKR_TOKEN_NOT_PRESENT', 'lost'],
      ['CKR_SESSION_HANDLE_INVALID', 'lost'],
      ['CKR_CRYPTOKI_NOT_INITIALIZED', 'lost'],
      ['CKR_USER_NOT_LOGGED_IN', 'lost'],
      ['CKR_SOMETHING_OF_A_VENDOR', 'lost'],
    ] as const) {
      assert.equal(failureOf(error(name)), failure, name);
    }
  });

  it('is lost for whatever is no return value, and what it says of itself where that is known', () => {
    for (const other of [error('read ECONNRESET'), error('toString'), null, undefined, 'CKR_DATA_INVALID', {}]) {
      assert.equal(failureOf(other), 'lost');
    }
    assert.equal(failureOf(new KnownFailure('missing', 'x')), 'missing');
    assert.equal(returnValueOf(error('CKR_DATA_INVALID:32\n    at PKCS11.C_Sign (x)')), 'CKR_DATA_INVALID');
  });

  it('takes another question where tokens mean different things by it', () => {
    assert.equal(isAmbiguous(error('CKR_GENERAL_ERROR')), true);
    assert.equal(isAmbiguous(error('CKR_DATA_INVALID')), false);
    assert.equal(isAmbiguous(null), false);
  });
});
