import type { ExpressionBuilder, ExpressionWrapper, SqlBool } from 'kysely';
import { foldName } from '../base/ids.ts';
import { Refusal } from '../refusals/refusal.ts';
import { sql } from '../store/kysely.ts';
import type { Tables } from '../store/schema.ts';
import type { Filter } from './filter.ts';

/** The kinds of principal, as the store names them. */
export type PrincipalKind = 'User' | 'Group' | 'ServicePrincipal';

/** The values that `any` asks for, each with the application ids that have it among their names. */
export interface ResolvedNames {
  /** The collection property they are of, or null where there is none. */
  readonly property: string | null;
  readonly appIds: ReadonlyMap<string, readonly string[]>;
}

/** For collections that have no such property. */
export const noNames: ResolvedNames = { property: null, appIds: new Map() };

type Field =
  | { readonly column: string; readonly as: 'id' | 'name' | 'text' | 'truth' }
  /** A text in the details of the principal. */
  | { readonly detail: string; readonly as: 'detail' };

/** What principals can be filtered by. Ids and names compare without regard to ASCII case, as in Entra. */
export const principalFields: Readonly<Record<PrincipalKind, Readonly<Record<string, Field>>>> = {
  ServicePrincipal: {
    id: { column: 'principals.id', as: 'id' },
    appId: { column: 'principals.app_id', as: 'id' },
    displayName: { column: 'principals.display_name', as: 'name' },
    servicePrincipalType: { column: 'principals.type', as: 'text' },
    accountEnabled: { column: 'principals.enabled', as: 'truth' },
  },
  User: {
    id: { column: 'principals.id', as: 'id' },
    displayName: { column: 'principals.display_name', as: 'name' },
    userPrincipalName: { column: 'principals.upn_key', as: 'name' },
    accountEnabled: { column: 'principals.enabled', as: 'truth' },
    userType: { column: 'principals.type', as: 'text' },
    mail: { detail: 'mail', as: 'detail' },
    mailNickname: { detail: 'mailNickname', as: 'detail' },
    givenName: { detail: 'givenName', as: 'detail' },
    surname: { detail: 'surname', as: 'detail' },
    jobTitle: { detail: 'jobTitle', as: 'detail' },
    department: { detail: 'department', as: 'detail' },
  },
  Group: {
    id: { column: 'principals.id', as: 'id' },
    displayName: { column: 'principals.display_name', as: 'name' },
    mailNickname: { detail: 'mailNickname', as: 'detail' },
  },
};
/** What applications can be filtered by. */
export const applicationFields: Readonly<Record<string, Field>> = {
  id: { column: 'applications.id', as: 'id' },
  appId: { column: 'applications.app_id', as: 'id' },
  displayName: { column: 'applications.display_name', as: 'name' },
};

type Builder = ExpressionBuilder<Tables, keyof Tables>;
type Condition = ExpressionWrapper<Tables, keyof Tables, SqlBool>;

/**
 * A filter as a condition of the query.
 * @throws Refusal `graph-query-unsupported` for a property that cannot be filtered by, or not so
 */
export function condition(
  eb: Builder,
  filter: Filter | null,
  fields: Readonly<Record<string, Field>>,
  names: ResolvedNames,
  appColumn: string,
): Condition {
  if (!filter) return eb.and([]);
  if (filter.kind === 'and' || filter.kind === 'or') {
    const terms = filter.terms.map((term) => condition(eb, term, fields, names, appColumn));
    return filter.kind === 'and' ? eb.and(terms) : eb.or(terms);
  }
  if (filter.kind === 'any') {
    if (filter.property !== names.property) throw unsupported(filter.property);
    const appIds = names.appIds.get(filter.value) ?? [];
    return appIds.length === 0 ? eb.or([]) : eb(appColumn as never, 'in', appIds as never);
  }
  const field = Object.hasOwn(fields, filter.property) ? fields[filter.property] : undefined;
  if (!field) throw unsupported(filter.property);
  return filter.kind === 'eq' ? equals(eb, field, filter.property, filter.value) : begins(eb, field, filter);
}

function equals(eb: Builder, field: Field, property: string, value: string | boolean): Condition {
  if (field.as === 'detail') {
    if (typeof value === 'boolean') throw unsupported(property);
    // The details are one flat object as JSON.stringify writes it: within a text its quotes would be escaped.
    const pair = `${JSON.stringify(field.detail)}:${JSON.stringify(value)}`;
    const pattern = `%${escapeLike(foldName(pair))}%`;
    return eb.and([sql<SqlBool>`lower(${sql.ref('principals.details')}) like ${pattern} escape '!'`]);
  }
  const column = field.column as never;
  if (typeof value === 'boolean' || field.as === 'truth') {
    if (typeof value !== 'boolean' || field.as !== 'truth') throw unsupported(property);
    return eb(column, '=', (value ? 1 : 0) as never);
  }
  if (field.as === 'id') return eb(column, '=', foldName(value) as never);
  if (field.as === 'text') return eb(column, '=', value as never);
  return eb(eb.fn('lower', [column]) as never, '=', foldName(value) as never);
}

function begins(eb: Builder, field: Field, filter: { readonly property: string; readonly value: string }): Condition {
  if (field.as !== 'name') throw unsupported(filter.property);
  const pattern = `${escapeLike(foldName(filter.value))}%`;
  return eb.and([sql<SqlBool>`lower(${sql.ref(field.column)}) like ${pattern} escape '!'`]);
}

/** Text for a LIKE pattern whose escape character is `!`. */
export function escapeLike(text: string): string {
  return text.replace(/[!%_]/g, '!$&');
}

function unsupported(property: string): Refusal {
  return new Refusal('graph-query-unsupported', { reason: `filtering by ${property.slice(0, 50)} in this way is not` });
}
