import { isObject, type JsonObject } from './contract-files.ts';
import type { Contract, ContractPlane, Exchange } from './openapi.ts';

/** One answer of a published example, as an exchange, with the operation it was published for. */
export interface PublishedAnswer {
  readonly operation: string;
  readonly example: string;
  readonly exchange: Exchange;
  /** The body the example sends; undefined where the operation takes none or the example names none. */
  readonly requestBody: unknown;
}

/** Every answer of the examples that the files of a folder refer to and the contract has; headers are left out. */
export function publishedAnswers(contract: Contract, plane: ContractPlane, folder: string): readonly PublishedAnswer[] {
  const answers: PublishedAnswer[] = [];
  for (const name of contract.files.list(folder).filter((file) => file.endsWith('.json'))) {
    const file = `${folder}/${name}`;
    const document = contract.files.load(file);
    const apiVersion = String(member(document, 'info')['version']);
    for (const [template, methods] of Object.entries(member(document, 'paths'))) {
      for (const [method, operation] of Object.entries(isObject(methods) ? methods : {})) {
        for (const example of examplesOf(contract, file, operation)) {
          const path = template.replace(/\{([^}]+)\}/g, (_, parameter: string) => example.parameter(parameter));
          const request = { plane, method: method.toUpperCase(), path, apiVersion, headers: {} };
          for (const [status, answer] of Object.entries(example.responses)) {
            answers.push({
              operation: String(isObject(operation) && operation['operationId']),
              example: `${example.name} ${status}`,
              exchange: { ...request, status: Number(status), body: isObject(answer) ? answer['body'] : undefined },
              requestBody: example.requestBody,
            });
          }
        }
      }
    }
  }
  return answers;
}

interface Example {
  readonly name: string;
  readonly responses: JsonObject;
  readonly requestBody: unknown;
  parameter(name: string): string;
}

function examplesOf(contract: Contract, file: string, operation: unknown): readonly Example[] {
  if (!isObject(operation)) return [];
  const bodyName = bodyParameterName(contract, file, operation);
  return Object.values(member(operation, 'x-ms-examples')).flatMap((written) => {
    const ref = isObject(written) ? String(written['$ref']) : '';
    const folder = file.slice(0, file.lastIndexOf('/'));
    // The contract leaves out the examples of managed HSMs and of versions before 2018.
    if (!contract.files.list(`${folder}/examples`).includes(ref.slice(ref.lastIndexOf('/') + 1))) return [];
    const value = contract.files.resolve(file, ref).value;
    const parameters = member(value, 'parameters');
    return [
      {
        name: ref.slice(ref.lastIndexOf('/') + 1),
        responses: member(value, 'responses'),
        requestBody: bodyName === null ? undefined : parameters[bodyName],
        parameter: (name) => String(parameters[name] ?? 'x'),
      },
    ];
  });
}

function bodyParameterName(contract: Contract, file: string, operation: JsonObject): string | null {
  const parameters = operation['parameters'];
  for (const written of Array.isArray(parameters) ? parameters.filter(isObject) : []) {
    const ref = written['$ref'];
    const value = typeof ref === 'string' ? contract.files.resolve(file, ref).value : written;
    if (value['in'] === 'body') return String(value['name']);
  }
  return null;
}

function member(value: JsonObject, name: string): JsonObject {
  const found = value[name];
  return isObject(found) ? found : {};
}
