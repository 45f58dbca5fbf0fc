import { type ContractFiles, isObject, type JsonObject } from './contract-files.ts';
import { type Demand, definitionDemands } from './demands.ts';

/** How OpenAPI 2 schemas are read. */
export interface Reading {
  /** A response must hold what is read-only and nothing that is write-only; a request the other way round. */
  readonly direction: 'request' | 'response';
  /** Whether members that the schema does not declare are faults, unless it leaves the object open. */
  readonly isClosed: boolean;
}

type Schema = Record<string, unknown>;

interface Member {
  readonly schema: JsonObject;
  readonly file: string;
}

interface FlatObject {
  readonly members: Map<string, Member>;
  readonly required: Set<string>;
  readonly demands: Demand[];
  /** The schema of undeclared members where one is declared. */
  rest: Member | boolean | undefined;
}

const copied = [
  'minimum',
  'maximum',
  'minLength',
  'maxLength',
  'minItems',
  'maxItems',
  'uniqueItems',
  'pattern',
  'enum',
  'format',
];

/**
 * Turns a schema of an OpenAPI 2 file into a JSON Schema (draft 7) with everything it refers to inside: `allOf` is
 * flattened so that undeclared members can be told, discriminators become alternatives, `x-nullable` allows null, and
 * `demands.ts` is worked in.
 */
export function toJsonSchema(files: ContractFiles, file: string, schema: JsonObject, reading: Reading): JsonObject {
  return new SchemaReader(files, reading).read(file, schema);
}

/** The keywords that demand and forbid members, for one object. Dots reach into nested objects. */
export function demandKeywords(demand: Demand): readonly JsonObject[] {
  const required = (demand.required ?? []).map((path) => nest(path, (name) => ({ required: [name] })));
  const absent = (demand.absent ?? []).map((path) => nest(path, (name) => ({ properties: { [name]: false } })));
  return [...required, ...absent];
}

function nest(path: string, last: (name: string) => JsonObject): JsonObject {
  const dot = path.indexOf('.');
  if (dot < 0) return last(path);
  const name = path.slice(0, dot);
  return { required: [name], properties: { [name]: nest(path.slice(dot + 1), last) } };
}

class SchemaReader {
  readonly #files: ContractFiles;
  readonly #reading: Reading;
  readonly #definitions: Record<string, Schema> = {};
  readonly #names = new Map<string, string>();

  constructor(files: ContractFiles, reading: Reading) {
    this.#files = files;
    this.#reading = reading;
  }

  read(file: string, schema: JsonObject): JsonObject {
    return { ...this.#convert(file, schema), $defs: this.#definitions };
  }

  #convert(file: string, schema: JsonObject): Schema {
    const ref = schema['$ref'];
    if (typeof ref === 'string') {
      const { name, isNullable } = this.#define(file, ref);
      const pointer = { $ref: `#/$defs/${name}` };
      return isNullable || schema['x-nullable'] === true ? { anyOf: [{ type: 'null' }, pointer] } : pointer;
    }
    const written = this.#convertPlain(file, schema);
    return schema['x-nullable'] === true ? { anyOf: [{ type: 'null' }, written] } : written;
  }

  #convertPlain(file: string, schema: JsonObject): Schema {
    if (isObjectSchema(schema)) return this.#convertObject(file, schema);
    const written: Schema = {};
    for (const keyword of copied) if (keyword in schema) written[keyword] = schema[keyword];
    if (typeof schema['type'] === 'string') written['type'] = schema['type'];
    if (isObject(schema['items'])) written['items'] = this.#convert(file, schema['items']);
    return written;
  }

  /** Gives the definition a name and writes it once; definitions may refer to themselves. */
  #define(fromFile: string, ref: string): { name: string; isNullable: boolean } {
    const target = this.#files.resolve(fromFile, ref);
    const isNullable = target.value['x-nullable'] === true;
    const key = `${target.file}#${target.pointer}`;
    const known = this.#names.get(key);
    if (known) return { name: known, isNullable };
    const name = `d${this.#names.size}`;
    this.#names.set(key, name);
    this.#definitions[name] = {};
    const isDiscriminated = typeof target.value['discriminator'] === 'string';
    this.#definitions[name] = isDiscriminated
      ? this.#convertAlternatives(target.file, ref, target.value)
      : isObjectSchema(target.value)
        ? this.#convertObject(target.file, { allOf: [{ $ref: `#${target.pointer}` }] })
        : this.#convertPlain(target.file, target.value);
    return { name, isNullable };
  }

  #convertObject(file: string, schema: JsonObject): Schema {
    const flat: FlatObject = { members: new Map(), required: new Set(), demands: [], rest: undefined };
    this.#flatten(file, schema, flat);
    const properties: Schema = {};
    for (const [name, member] of flat.members) properties[name] = this.#convertMember(name, member);
    const written: Schema = { type: 'object', properties, required: [...flat.required] };
    const demands = this.#reading.direction === 'response' ? flat.demands.flatMap(demandKeywords) : [];
    if (demands.length > 0) written['allOf'] = demands;
    if (typeof flat.rest === 'object')
      written['additionalProperties'] = this.#convert(flat.rest.file, flat.rest.schema);
    else if (flat.rest === undefined && flat.members.size > 0 && this.#reading.isClosed) {
      written['additionalProperties'] = false;
    }
    return written;
  }

  #convertMember(name: string, { schema, file }: Member): unknown {
    const isResponse = this.#reading.direction === 'response';
    const mutability = schema['x-ms-mutability'];
    if (isResponse && Array.isArray(mutability) && !mutability.includes('read')) return false;
    const written = this.#convert(file, schema);
    // The files declare the link as a plain string; the service sends null on the last page (contract WIRE §3, Paging).
    return isResponse && name === 'nextLink' ? { anyOf: [{ type: 'null' }, written] } : written;
  }

  #flatten(file: string, schema: JsonObject, flat: FlatObject): void {
    for (const part of arrayOf(schema['allOf'])) {
      if (typeof part['$ref'] !== 'string') this.#flatten(file, part, flat);
      else {
        const target = this.#files.resolve(file, part['$ref']);
        const demand = definitionDemands[demandKey(target.file, target.pointer)];
        if (demand) flat.demands.push(demand);
        for (const [name, also] of Object.entries(demand?.also ?? {})) flat.members.set(name, { schema: also, file });
        this.#flatten(target.file, target.value, flat);
      }
    }
    const properties = isObject(schema['properties']) ? schema['properties'] : {};
    for (const [name, value] of Object.entries(properties)) {
      if (isObject(value)) flat.members.set(name, { schema: value, file });
    }
    for (const name of Array.isArray(schema['required']) ? schema['required'] : []) {
      const isFilledByServer = flat.members.get(String(name))?.schema['readOnly'] === true;
      if (this.#reading.direction === 'response' || !isFilledByServer) flat.required.add(String(name));
    }
    const rest = schema['additionalProperties'];
    if (isObject(rest)) flat.rest = Object.keys(rest).length === 0 ? true : { schema: rest, file };
    else if (typeof rest === 'boolean') flat.rest = rest || undefined;
  }

  /** A definition with a discriminator stands for the definitions of its file that extend it (OpenAPI 2, Schema Object). */
  #convertAlternatives(file: string, ref: string, base: JsonObject): Schema {
    const discriminator = String(base['discriminator']);
    const baseName = ref.slice(ref.lastIndexOf('/') + 1);
    const definitions = this.#files.load(file)['definitions'];
    const alternatives: Schema[] = [];
    for (const [name, definition] of Object.entries(isObject(definitions) ? definitions : {})) {
      if (!isObject(definition) || !extendsDefinition(definition, baseName)) continue;
      const value = definition['x-ms-discriminator-value'] ?? name;
      const written = this.#convertObject(file, { allOf: [{ $ref: `#/definitions/${name}` }] });
      alternatives.push({ allOf: [written, { properties: { [discriminator]: { const: value } } }] });
    }
    return alternatives.length > 0 ? { anyOf: alternatives } : this.#convertObject(file, base);
  }
}

function isObjectSchema(schema: JsonObject): boolean {
  return (
    schema['type'] === 'object' ||
    isObject(schema['properties']) ||
    'allOf' in schema ||
    'additionalProperties' in schema
  );
}

function extendsDefinition(definition: JsonObject, baseName: string): boolean {
  return arrayOf(definition['allOf']).some((part) => part['$ref'] === `#/definitions/${baseName}`);
}

function arrayOf(value: unknown): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function demandKey(file: string, pointer: string): string {
  return `${file.split('/')[0]}/${pointer.slice(pointer.lastIndexOf('/') + 1)}`;
}
