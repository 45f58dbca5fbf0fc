import type { Operation } from '../operations/operation.ts';
import { noVersions } from '../operations/versions.ts';
import type { DevicePage } from './device-page.ts';
import type { IdentityParts } from './parts.ts';
import type { PasswordPage } from './password-page.ts';
import type { PersonSignIn } from './person-sign-in.ts';

const DEVICE_PATH = '/:tenant/oauth2/deviceauth';
const PASSWORD_PATH = '/changepassword';

/** The pages that people see: plain, short addresses, and those that Entra has. */
export function pageOperations(parts: IdentityParts, signIn: PersonSignIn): readonly Operation[] {
  // Loaded when somebody opens one: no program's request waits for them.
  const device = once(async () => new (await import('./device-page.ts')).DevicePage(parts, signIn));
  const password = once(async () => new (await import('./password-page.ts')).PasswordPage(parts, signIn));
  return [
    {
      ...shown('DeviceLogin', '/devicelogin'),
      success: [302],
      run: async () => ({ status: 302, headers: { location: '/common/oauth2/deviceauth' } }),
    },
    { ...shown('DevicePage', DEVICE_PATH), run: async (call) => (await device()).show(call) },
    { ...sent('DevicePageForm', DEVICE_PATH), run: async (call) => (await device()).submit(call) },
    { ...shown('PasswordPage', PASSWORD_PATH), run: async (call) => (await password()).show(call) },
    { ...sent('PasswordPageForm', PASSWORD_PATH), run: async (call) => (await password()).submit(call) },
  ];
}

const common = {
  plane: 'login',
  versions: noVersions,
  need: { kind: 'anonymous' },
  throttle: 'none',
  success: [200],
} as const;

function shown(id: string, path: string) {
  return { ...common, id, path, method: 'GET', body: 'none', unaudited: true } as const;
}

function sent(id: string, path: string) {
  return { ...common, id, path, method: 'POST', body: 'form', bodyBytes: 16_384 } as const;
}

function once<T extends DevicePage | PasswordPage>(load: () => Promise<T>): () => Promise<T> {
  let loaded: Promise<T> | null = null;
  return () => {
    loaded ??= load();
    return loaded;
  };
}
