import { type Carrier, digestOf, type LeftItem } from '../moving/carrier.ts';
import { carriedQueries, type StoredName, type StoredVersion } from '../objects/carried-queries.ts';
import type { Session } from '../store/port.ts';
import { issuerPage, readContacts } from './repository.ts';

type Name = StoredName & { policy: string };
type Version = StoredVersion & { x5t: string | null };

const PAGE = 100;

const storedCertificates = carriedQueries<Name, Version>(
  { names: 'certificates', versions: 'certificate_versions' },
  { ofNames: ['policy'], ofVersions: ['x5t'] },
);

/**
 * Certificates stay in the old vault, with their keys, their secrets, their issuers and contacts: they are named as left, so that no
 * old vault is closed over them unsaid; and what clients make in the new vault is found, so that it is not purged unsaid.
 */
export function certificateCarrier(): Carrier {
  return {
    kind: 'certificates',
    page: async () => [],
    find: async () => null,
    findCopy: async () => null,
    carry: async () => null,
    removeCopy: async () => {},
    left: async (session, { from }) => [
      ...(await certificatesLeft(session, from.id)),
      ...(await surroundingsLeft(session, from.id)),
    ],
    pageOfCopies: async (session, { to }, after, limit) =>
      (await storedCertificates.page(session, to.id, after, limit)).map(({ name, versions }) => ({
        key: name.name_key,
        name: `certificates/${name.name}`,
        digest: digestOf([Object.values(name), versions.map((version) => Object.values(version))]),
        size: versions.length,
      })),
  };
}

async function certificatesLeft(session: Session, vaultId: string): Promise<readonly LeftItem[]> {
  const left: LeftItem[] = [];
  for (let after = ''; ; ) {
    const page = await storedCertificates.page(session, vaultId, after, PAGE);
    for (const { name } of page) {
      const reason = name.deleted === null ? 'certificate' : 'deleted-certificate';
      left.push({ name: `certificates/${name.name}`, reason });
    }
    if (page.length < PAGE) return left;
    after = page[page.length - 1]!.name.name_key;
  }
}

async function surroundingsLeft(session: Session, vaultId: string): Promise<readonly LeftItem[]> {
  const left: LeftItem[] = [];
  for (let after = ''; ; ) {
    const page = await issuerPage.all(session, { vaultId, after, limit: PAGE });
    left.push(...page.map(({ name }): LeftItem => ({ name: `certificates/issuers/${name}`, reason: 'certificate' })));
    if (page.length < PAGE) break;
    after = page[page.length - 1]!.name_key;
  }
  const contacts = await readContacts.first(session, { vaultId });
  return contacts ? [...left, { name: 'certificates/contacts', reason: 'certificate' }] : left;
}
