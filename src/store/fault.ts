/** What can be wrong with a store. */
export type StoreFaultCode =
  | 'store-damaged'
  | 'store-newer'
  | 'store-unreachable'
  | 'store-busy'
  | 'store-closed'
  | 'store-not-empty';

/** A fault of the store that an operator can act on; `message` is written for them and holds no data. */
export class StoreFault extends Error {
  readonly code: StoreFaultCode;
  constructor(code: StoreFaultCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'StoreFault';
    this.code = code;
  }
}
