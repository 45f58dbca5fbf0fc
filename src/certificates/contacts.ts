import { type Body, invalid, isPlainText, readObject } from '../objects/attributes.ts';
import { type Answer, type Call, vaultOf } from '../operations/operation.ts';
import { Refusal } from '../refusals/refusal.ts';
import type { Session } from '../store/port.ts';
import type { CertificateParts, Contact } from './parts.ts';
import { readContacts, removeContacts, writeContacts } from './repository.ts';

const MOST_CONTACTS = 100;
const MOST_TEXT = 256;

/** PUT /certificates/contacts: all of them anew. */
export async function setContacts(_parts: CertificateParts, call: Call): Promise<Answer> {
  const contacts = readList(call.body ?? {});
  return call.commit(async (transaction) => {
    const vaultId = vaultOf(call).id;
    await writeContacts.change(transaction, { vaultId, contacts: JSON.stringify(contacts), updated: call.time });
    return answer(call, contacts);
  });
}

/** GET /certificates/contacts. @throws Refusal `certificate-contacts-not-found` */
export async function getContacts({ store }: CertificateParts, call: Call): Promise<Answer> {
  return answer(call, await requireContacts(store.reader, call));
}

/** DELETE /certificates/contacts: nobody is told any more. @throws Refusal `certificate-contacts-not-found` */
export function deleteContacts(_parts: CertificateParts, call: Call): Promise<Answer> {
  return call.commit(async (transaction) => {
    const contacts = await requireContacts(transaction, call);
    await removeContacts.change(transaction, { vaultId: vaultOf(call).id });
    return answer(call, contacts);
  });
}

/** The contacts of a vault; none where none were set. */
export async function contactsOf(session: Session, vaultId: string): Promise<readonly Contact[]> {
  const row = await readContacts.first(session, { vaultId });
  return row ? (JSON.parse(row.contacts) as Contact[]) : [];
}

async function requireContacts(session: Session, call: Call): Promise<readonly Contact[]> {
  const vault = vaultOf(call);
  const contacts = await contactsOf(session, vault.id);
  if (contacts.length === 0) throw new Refusal('certificate-contacts-not-found', { vault: vault.name });
  return contacts;
}

function readList(body: Body): readonly Contact[] {
  const value = body['contacts'];
  if (!Array.isArray(value) || value.length === 0 || value.length > MOST_CONTACTS) {
    throw invalid('contacts', `it must be a list of 1 to ${MOST_CONTACTS}`);
  }
  return value.map((entry: unknown) => {
    const one = readObject(entry, 'contacts');
    const email = readText(one['email'], 'contacts.email');
    // What no line of a message's head could hold is no address of anybody.
    if (email === undefined || !/^[^\s@<>,;:"]+@[^\s@<>,;:"]+$/.test(email)) {
      throw invalid('contacts.email', 'it is required and must be an e-mail address');
    }
    const name = readText(one['name'], 'contacts.name');
    const phone = readText(one['phone'], 'contacts.phone');
    return { email, ...(name === undefined ? {} : { name }), ...(phone === undefined ? {} : { phone }) };
  });
}

function readText(value: unknown, property: string): string | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (typeof value !== 'string' || value.length > MOST_TEXT || !isPlainText(value) || /[\r\n]/.test(value)) {
    throw invalid(property, `it must be a string of one line and at most ${MOST_TEXT} characters`);
  }
  return value;
}

function answer(call: Call, contacts: readonly Contact[]): Answer {
  const id = `${call.origin}/certificates/contacts`;
  return { status: 200, body: { id, contacts }, subject: id };
}
