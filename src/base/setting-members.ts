/** An entry of a setting cannot be used; the message says which member of which entry, and why. */
export class SettingFault extends Error {
  readonly code = 'setting-invalid';
  constructor(message: string) {
    super(message);
    this.name = 'SettingFault';
  }
}

/**
 * The members of one object of a setting, each taken at most once. What is left over does not exist and is refused: a misspelt
 * restriction must not pass as none.
 */
export class SettingMembers {
  readonly #values: Map<string, unknown>;
  readonly #place: string;

  /**
   * @param place what the object is, as messages name it
   * @throws SettingFault where the value is no object; so do the methods where a member is not as they say
   */
  constructor(value: unknown, place: string) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw new SettingFault(`${place} must be an object`);
    }
    this.#values = new Map(Object.entries(value));
    this.#place = place;
  }

  /** Whether the member is there and not taken yet. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** A text that is not empty, of `pattern`, at most 2,048 characters. */
  text(name: string, pattern?: RegExp): string {
    const value = this.#take(name);
    if (typeof value === 'string' && value !== '' && value.length <= 2048 && (pattern?.test(value) ?? true))
      return value;
    throw new SettingFault(
      `${name} of ${this.#place} must be a text${pattern ? ` of the form ${pattern.source}` : ''}`,
    );
  }

  textOr<T>(name: string, otherwise: T, pattern?: RegExp): string | T {
    return this.has(name) ? this.text(name, pattern) : otherwise;
  }

  texts(name: string, pattern?: RegExp): readonly string[] {
    const value = this.#take(name);
    const isText = (item: unknown) => typeof item === 'string' && item !== '' && (pattern?.test(item) ?? true);
    if (Array.isArray(value) && value.length > 0 && value.length <= 100 && value.every(isText))
      return value as string[];
    throw new SettingFault(
      `${name} of ${this.#place} must be a list of texts${pattern ? ` of the form ${pattern.source}` : ''}`,
    );
  }

  textsOr(name: string, otherwise: readonly string[], pattern?: RegExp): readonly string[] {
    return this.has(name) ? this.texts(name, pattern) : otherwise;
  }

  integer(name: string, least: number, most: number): number {
    const value = this.#take(name);
    if (Number.isInteger(value) && (value as number) >= least && (value as number) <= most) return value as number;
    throw new SettingFault(`${name} of ${this.#place} must be a whole number, ${least} to ${most}`);
  }

  integerOr(name: string, otherwise: number, least: number, most: number): number {
    return this.has(name) ? this.integer(name, least, most) : otherwise;
  }

  flagOr(name: string, otherwise: boolean): boolean {
    if (!this.has(name)) return otherwise;
    const value = this.#take(name);
    if (typeof value === 'boolean') return value;
    throw new SettingFault(`${name} of ${this.#place} must be true or false`);
  }

  /** An https URL without user, query or fragment. */
  https(name: string): string {
    const text = this.text(name);
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url?.protocol === 'https:' && url.username === '' && url.password === '' && !/[?#\s\\]/.test(text)) return text;
    throw new SettingFault(`${name} of ${this.#place} must be an https URL without user, query or fragment`);
  }

  httpsOr(name: string, otherwise: string): string {
    return this.has(name) ? this.https(name) : otherwise;
  }

  members(name: string): SettingMembers {
    return new SettingMembers(this.#take(name), `${name} of ${this.#place}`);
  }

  /** @throws SettingFault where a member was not taken */
  refuseRest(): void {
    const [unknown] = this.#values.keys();
    if (unknown !== undefined) throw new SettingFault(`${this.#place} has a member that does not exist: ${unknown}`);
  }

  #take(name: string): unknown {
    if (!this.#values.has(name)) throw new SettingFault(`${this.#place} needs ${name}`);
    const value = this.#values.get(name);
    this.#values.delete(name);
    return value;
  }
}
