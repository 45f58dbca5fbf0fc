import { DAY } from '../base/text.ts';
import { type CertificateLife, renewalAt } from './lifetime.ts';
import type { CertificateOperation } from './operation-state.ts';
import type { CertificatePolicy } from './policy.ts';

/** What a certificate's risk is told from. */
export interface RiskFacts {
  readonly policy: CertificatePolicy;
  readonly operation: CertificateOperation | null;
  /** Null where no version is issued yet. */
  readonly life: CertificateLife | null;
  readonly isEnabled: boolean;
}

/** Why a certificate needs somebody, from the worst down. */
export type RiskKind = 'expired' | 'renewal-failed' | 'renewal-hindered' | 'waits' | 'nobody-renews' | 'renewal-due';

/** A certificate at risk, and why. */
export interface Risk {
  readonly kind: RiskKind;
  readonly why: string;
}

/** How long an order may wait before it is somebody's matter. */
const PATIENCE = 2 * DAY;

/**
 * Whether a certificate is at risk, or null where it is not: it has ended, its next version does not come, nobody makes one, or its
 * renewal should have begun.
 * @param within how far ahead an end is looked for, in milliseconds
 */
export function riskOf({ policy, operation, life, isEnabled }: RiskFacts, now: number, within: number): Risk | null {
  const isOpen = operation?.status === 'inProgress';
  if (life && life.ends <= now) return { kind: 'expired', why: operation?.error?.message ?? 'It was not renewed.' };
  if (operation?.status === 'failed') return { kind: 'renewal-failed', why: operation.statusDetails };
  if (isOpen && operation.error) return { kind: 'renewal-hindered', why: operation.error.message };
  if (isOpen && now - operation.started > PATIENCE) {
    return { kind: 'waits', why: operation.statusDetails };
  }
  if (!life || life.ends - now > within) return null;
  const renewal = isEnabled ? renewalAt(policy, life) : null;
  if (renewal === null) return { kind: 'nobody-renews', why: whyNobody(policy, isEnabled) };
  return renewal <= now - PATIENCE && !isOpen
    ? { kind: 'renewal-due', why: 'Its renewal was due and has not begun.' }
    : null;
}

function whyNobody({ issuer }: CertificatePolicy, isEnabled: boolean): string {
  if (!isEnabled) return 'It is disabled, and renewed by nobody while it is.';
  return issuer === 'Unknown'
    ? 'Its issuer is Unknown: somebody has to merge or import the next version.'
    : 'Its policy renews nothing: it has no AutoRenew action.';
}
