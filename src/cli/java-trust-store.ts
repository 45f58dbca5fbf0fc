import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, realpathSync, renameSync, rmSync, statSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { authorityPath } from './data-dir.ts';

/** Not a secret: the password of every JDK's own list of authorities, which guards nothing. */
const PASSWORD = 'changeit';
const KEYTOOL_TIMEOUT_MS = 60_000;

/** The trust store's path, or why there is none. */
export type JavaTrustStore = { readonly path: string } | { readonly missing: string };

/**
 * Makes `java-truststore.p12` in the data directory, where it is not up to date: the JDK's own authorities and
 * Strongroom's. A JVM takes one trust store, not an additional one. Needs the JDK's keytool, from JAVA_HOME or PATH;
 * costs a second or two the first time.
 */
export function writeJavaTrustStore(
  dataDir: string,
  env: Readonly<Record<string, string | undefined>>,
): JavaTrustStore {
  const keytool = findKeytool(env);
  if (keytool === null) return { missing: 'there is no keytool on this machine' };
  const authority = authorityPath(dataDir);
  const path = join(dataDir, 'java-truststore.p12');
  const authorities = jdkAuthorities(keytool, env);
  if (isNewer(path, [authority, authorities])) return { path };
  const temporary = `${path}.${process.pid}.new`;
  const target = ['-keystore', temporary, '-storetype', 'PKCS12', '-storepass', PASSWORD];
  const add = ['-importcert', '-noprompt', '-alias', 'strongroom', '-file', authority, ...target];
  try {
    rmSync(temporary, { force: true });
    const complaint = (authorities && run(keytool, copyWords(authorities, temporary), env)) || run(keytool, add, env);
    if (complaint) return { missing: complaint };
    renameSync(temporary, path);
    return { path };
  } catch (error) {
    return { missing: error instanceof Error ? error.message : String(error) };
  } finally {
    rmSync(temporary, { force: true });
  }
}

/** Converted, not copied: the JDK's file may be of the older kind, and not writable. */
function copyWords(authorities: string, target: string): string[] {
  const from = ['-srckeystore', authorities, '-srcstorepass', PASSWORD];
  return [
    '-importkeystore',
    '-noprompt',
    ...from,
    '-destkeystore',
    target,
    '-deststoretype',
    'PKCS12',
    '-deststorepass',
    PASSWORD,
  ];
}

/** Runs keytool; its complaint, or null where it succeeded. */
function run(
  keytool: string,
  words: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): string | null {
  // What the variable says about trust must not reach the tool that makes the trust store.
  const options = { encoding: 'utf8', timeout: KEYTOOL_TIMEOUT_MS, env: { ...env, JAVA_TOOL_OPTIONS: '' } } as const;
  const result = spawnSync(keytool, words, options);
  if (result.status === 0) return null;
  const said = (result.stdout || result.stderr || result.error?.message || '').trim().split(/\r?\n/, 1)[0];
  return `keytool failed: ${said || 'it did not say why'}`;
}

/**
 * The value of JAVA_TOOL_OPTIONS that makes every JVM use the trust store, after the options it holds already.
 * @returns null where the path holds both kinds of quotes: the JVM has no escape for them
 */
export function javaToolOptions(trustStore: string, present: string | undefined): string | null {
  const store = quoteForJvm(`-Djavax.net.ssl.trustStore=${trustStore}`);
  if (store === null) return null;
  const options = `${store} -Djavax.net.ssl.trustStorePassword=${PASSWORD}`;
  if (!present || present.endsWith(options)) return present || options;
  return `${present} ${options}`;
}

function quoteForJvm(option: string): string | null {
  if (!/[\s'"]/.test(option)) return option;
  const quote = ['"', "'"].find((mark) => !option.includes(mark));
  return quote === undefined ? null : `${quote}${option}${quote}`;
}

function findKeytool(env: Readonly<Record<string, string | undefined>>): string | null {
  const folders = [
    ...(env['JAVA_HOME'] ? [join(env['JAVA_HOME'], 'bin')] : []),
    ...(env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== ''),
  ];
  const name = process.platform === 'win32' ? 'keytool.exe' : 'keytool';
  return folders.map((folder) => join(folder, name)).find(isExecutable) ?? null;
}

/** The JDK's list, beside its keytool; null where the tool is a wrapper of some version manager. */
function jdkAuthorities(keytool: string, env: Readonly<Record<string, string | undefined>>): string | null {
  const homes = [dirname(dirname(realpathSync(keytool))), ...(env['JAVA_HOME'] ? [env['JAVA_HOME']] : [])];
  const lists = homes.flatMap((home) => [
    join(home, 'lib', 'security', 'cacerts'),
    join(home, 'jre', 'lib', 'security', 'cacerts'),
  ]);
  return lists.find((file) => existsSync(file)) ?? null;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function isNewer(path: string, sources: readonly (string | null)[]): boolean {
  if (!existsSync(path)) return false;
  const time = statSync(path).mtimeMs;
  return sources.every((source) => source === null || statSync(source).mtimeMs <= time);
}
