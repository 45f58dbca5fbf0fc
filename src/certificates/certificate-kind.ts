import type { ObjectKind } from '../objects/lifecycle.ts';
import { type CertificateRow, certificateQueries, issuedQueries, type WholeCertificateRow } from './repository.ts';
import { certificateBundle, certificateItem } from './wire.ts';

/** Certificates as the life of objects sees them, pending ones among them. */
export const certificateKind: ObjectKind<CertificateRow, WholeCertificateRow> = {
  collection: 'certificates',
  queries: certificateQueries,
  refusals: {
    notFound: 'certificate-not-found',
    deleted: 'certificate-deleted',
    deletedNotFound: 'deleted-certificate-not-found',
    nameDeleted: 'certificate-name-deleted',
    managed: null,
  },
  bundle: certificateBundle,
  item: certificateItem,
};

/** The same, with lists of what was issued alone (`includePending` is false by default). */
export const issuedKind: ObjectKind<CertificateRow, WholeCertificateRow> = {
  ...certificateKind,
  queries: issuedQueries,
};
