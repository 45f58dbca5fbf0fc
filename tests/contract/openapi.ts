import { Ajv, type ErrorObject, type ValidateFunction } from 'ajv';
import { type ContractFiles, isObject, type JsonObject, openContractFiles } from './contract-files.ts';
import { operationDemands } from './demands.ts';
import { addFormats } from './formats.ts';
import { demandKeywords, type Reading, toJsonSchema } from './json-schema.ts';
import { compileTemplate, matchTemplates, type PathTemplate } from './path-templates.ts';
import { orderVersions } from './versions.ts';

/** The planes the contract has files for. */
export type ContractPlane = 'data' | 'management';

/** One request as far as its operation goes. */
export interface Request {
  readonly plane: ContractPlane;
  readonly method: string;
  /** Without the host; a query string is allowed and only looked at where templates name parameters. */
  readonly path: string;
  readonly apiVersion: string;
}

/** A request and what was answered. */
export interface Exchange extends Request {
  readonly status: number;
  /** Lower-case names; an empty object where they are not known, and then nothing is demanded of them. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The parsed JSON body; undefined, null or the empty text where there is none. */
  readonly body: unknown;
}

/** What the files say of an exchange. */
export interface Verdict {
  /** `operationId` of the files, or null where the files do not know the operation. */
  readonly operation: string | null;
  readonly notes: readonly string[];
  /** Empty where the answer is as the files demand. Names members and rules, never values. */
  readonly problems: readonly string[];
}

interface Operation {
  readonly id: string;
  readonly file: string;
  readonly value: JsonObject;
  readonly note?: string;
}

interface FileTemplate extends PathTemplate {
  readonly file: string;
  readonly methods: JsonObject;
}

/** The folders that hold a plane's files, each with the versions as folders; a provider narrows them on the management plane. */
interface Family {
  readonly plane: ContractPlane;
  readonly folder: string;
  readonly provider?: string;
}

const families: readonly Family[] = [
  { plane: 'data', folder: 'keyvault-data-plane' },
  { plane: 'management', folder: 'keyvault-resource-manager', provider: 'microsoft.keyvault' },
  { plane: 'management', folder: 'authorization', provider: 'microsoft.authorization' },
  { plane: 'management', folder: 'insights', provider: 'microsoft.insights' },
];

const errorSchemas: Readonly<Record<ContractPlane, { file: string; ref: string }>> = {
  data: { file: 'keyvault-data-plane/7.5/secrets.json', ref: 'common.json#/definitions/KeyVaultError' },
  management: {
    file: 'keyvault-resource-manager/2023-07-01/keyvault.json',
    ref: 'common.json#/definitions/CloudError',
  },
};

/** Holds exchanges against the service's OpenAPI 2 files. */
export class Contract {
  readonly files: ContractFiles;
  readonly #ajv: Ajv;
  readonly #templates = new Map<string, readonly FileTemplate[]>();
  readonly #validators = new Map<string, ValidateFunction>();

  constructor(files: ContractFiles = openContractFiles()) {
    this.files = files;
    this.#ajv = new Ajv({ strict: false, allErrors: true });
    addFormats(this.#ajv);
  }

  /** What the files say of an answer; see {@link Verdict}. */
  judge(exchange: Exchange): Verdict {
    const operation = this.#find(exchange);
    const problems = this.#judgeHeaders(exchange);
    if (!operation) {
      if (exchange.status >= 400) problems.push(...this.#judgeError(exchange));
      return { operation: null, notes: ['the contract has no such operation'], problems };
    }
    const notes = operation.note ? [operation.note] : [];
    problems.push(...this.#judgeBody(operation, exchange));
    return { operation: operation.id, notes, problems };
  }

  /** The problems of an answer; an operation that the files do not know is one. */
  validateResponse(exchange: Exchange): readonly string[] {
    const { operation, problems } = this.judge(exchange);
    if (operation) return problems;
    return [`the contract has no ${exchange.method} ${pathOnly(exchange.path)}`, ...problems];
  }

  /** The problems of a request's body; an operation that the files do not know is one. */
  validateRequest(request: Request & { readonly body: unknown }): readonly string[] {
    const operation = this.#find(request);
    if (!operation) return [`the contract has no ${request.method} ${pathOnly(request.path)}`];
    const parameter = this.#bodyParameter(operation);
    if (!parameter) return isEmpty(request.body) ? [] : ['body must be empty'];
    if (isEmpty(request.body)) return parameter.isRequired ? ['body is missing'] : [];
    const reading: Reading = { direction: 'request', isClosed: false };
    return this.#check(`${operation.file} ${operation.id} request`, request.body, () =>
      toJsonSchema(this.files, parameter.file, parameter.schema, reading),
    );
  }

  #bodyParameter(operation: Operation): { schema: JsonObject; file: string; isRequired: boolean } | null {
    const parameters = operation.value['parameters'];
    for (const written of Array.isArray(parameters) ? parameters.filter(isObject) : []) {
      const ref = written['$ref'];
      const { value, file } =
        typeof ref === 'string' ? this.files.resolve(operation.file, ref) : { value: written, file: operation.file };
      if (value['in'] !== 'body' || !isObject(value['schema'])) continue;
      return { schema: value['schema'], file, isRequired: value['required'] === true };
    }
    return null;
  }

  #judgeHeaders({ method, status, headers, body }: Exchange): string[] {
    if (Object.keys(headers).length === 0) return [];
    const problems: string[] = [];
    const type = String(headers['content-type'] ?? '');
    if (!isEmpty(body) && !/^application\/json\b/i.test(type)) problems.push('content-type must be application/json');
    if (status === 204 && !isEmpty(body)) problems.push('204 must have no body');
    if (method === 'HEAD' && !isEmpty(body)) problems.push('HEAD must have no body');
    if (status === 202 && !headers['location'] && !headers['azure-asyncoperation']) {
      problems.push('202 must say where to ask for the outcome: location');
    }
    return problems;
  }

  #judgeBody(operation: Operation, exchange: Exchange): readonly string[] {
    const responses = isObject(operation.value['responses']) ? operation.value['responses'] : {};
    const isDeclared = String(exchange.status) in responses;
    const written = responses[isDeclared ? String(exchange.status) : 'default'];
    if (!isDeclared && exchange.status < 400) return [`status ${exchange.status} is not one of ${operation.id}`];
    if (exchange.method === 'HEAD') return [];
    const schema = isObject(written) ? written['schema'] : undefined;
    if (!isObject(schema)) return isEmpty(exchange.body) ? [] : ['body must be empty'];
    if (isEmpty(exchange.body)) return ['body is missing'];
    const demand = exchange.status < 300 ? operationDemands[operation.id] : undefined;
    const name = `${operation.file} ${operation.id} ${isDeclared ? exchange.status : 'default'}`;
    const problems = this.#check(name, exchange.body, () => ({
      ...toJsonSchema(this.files, operation.file, schema, { direction: 'response', isClosed: true }),
      ...(demand ? { allOf: demandKeywords(demand) } : {}),
    }));
    // A provider's own form of errors does not bind what stands before it, which refuses in the plane's common form.
    const isCommonError = problems.length > 0 && exchange.status >= 400 && this.#judgeError(exchange).length === 0;
    return isCommonError ? [] : problems;
  }

  #judgeError({ plane, body, method }: Exchange): readonly string[] {
    if (method === 'HEAD') return [];
    if (isEmpty(body)) return ['body is missing'];
    const { file, ref } = errorSchemas[plane];
    return this.#check(`${plane} error`, body, () =>
      toJsonSchema(this.files, file, { $ref: ref }, { direction: 'response', isClosed: true }),
    );
  }

  #check(name: string, body: unknown, schema: () => JsonObject): readonly string[] {
    let validate = this.#validators.get(name);
    if (!validate) {
      validate = this.#ajv.compile(schema());
      this.#validators.set(name, validate);
    }
    return validate(body) ? [] : [...new Set((validate.errors ?? []).map(describe))];
  }

  #find(request: Request): Operation | null {
    const [path = '', search = ''] = request.path.split('?');
    const query = new URLSearchParams(search);
    for (const family of familiesOf(request.plane, path)) {
      const available = this.files.list(family.folder).filter((name) => /^\d/.test(name));
      for (const { version, note } of orderVersions(available, request.apiVersion)) {
        for (const found of matchTemplates(this.#load(family, version), path, query)) {
          const value = found.methods[request.method.toLowerCase()];
          if (!isObject(value)) continue;
          return { id: String(value['operationId']), file: found.file, value, ...(note ? { note } : {}) };
        }
      }
    }
    return null;
  }

  #load(family: Family, version: string): readonly FileTemplate[] {
    const folder = `${family.folder}/${version}`;
    const known = this.#templates.get(folder);
    if (known) return known;
    const templates: FileTemplate[] = [];
    for (const name of this.files.list(folder).filter((file) => file.endsWith('.json'))) {
      const file = `${folder}/${name}`;
      const document = this.files.load(file);
      for (const section of ['paths', 'x-ms-paths']) {
        const paths = isObject(document[section]) ? document[section] : {};
        for (const [template, methods] of Object.entries(paths)) {
          const compiled = compileTemplate(template, { foldCase: family.plane === 'management' });
          if (compiled && isObject(methods)) templates.push({ ...compiled, file, methods });
        }
      }
    }
    this.#templates.set(folder, templates);
    return templates;
  }
}

/** The families whose files can hold a path: on the management plane, the last provider named in it decides. */
function familiesOf(plane: ContractPlane, path: string): readonly Family[] {
  const providers = [...path.matchAll(/\/providers\/+([^/]+)/gi)];
  const provider = providers.at(-1)?.[1]?.toLowerCase() ?? 'microsoft.keyvault';
  return families.filter((family) => family.plane === plane && (plane === 'data' || family.provider === provider));
}

function pathOnly(path: string): string {
  return path.split('?')[0] ?? '';
}

function isEmpty(body: unknown): boolean {
  return body === undefined || body === null || body === '';
}

function describe(error: ErrorObject): string {
  const where = error.instancePath === '' ? 'body' : `body${error.instancePath}`;
  if (error.keyword === 'additionalProperties')
    return `${where} has the undeclared member ${error.params['additionalProperty']}`;
  if (error.keyword === 'enum') return `${where} must be one of ${error.params['allowedValues']}`;
  if (error.keyword === 'false schema') return `${where} must not be there`;
  return `${where} ${error.message ?? error.keyword}`;
}
