import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { replaceFile } from '../base/files.ts';
import { CommandError } from './command.ts';

/** A system that takes additional authorities as files in a folder. */
export interface AnchorFolder {
  readonly folder: string;
  /** Ending of the file's name: some systems ignore all others. */
  readonly extension: string;
  /** What makes the system read the folder again: a program and its arguments. */
  readonly refresh: readonly [string, ...string[]];
  /**
   * The configuration to which a withdrawn certificate's name is added, for one run of `refresh --certsconf`: Debian's
   * program otherwise leaves the links of a file that is gone, and the JDK's copy of it. (Alpine's ignores the option.)
   */
  readonly withdrawalConfig?: string;
}

/** Debian, Ubuntu and Alpine; then Fedora, RHEL and their kin. */
export const ANCHOR_FOLDERS: readonly AnchorFolder[] = [
  {
    folder: '/usr/local/share/ca-certificates',
    extension: '.crt',
    refresh: ['update-ca-certificates'],
    withdrawalConfig: '/etc/ca-certificates.conf',
  },
  { folder: '/etc/pki/ca-trust/source/anchors', extension: '.crt', refresh: ['update-ca-trust', 'extract'] },
];

/** The system as the installation sees it. */
export interface Machine {
  readonly platform: NodeJS.Platform;
  /** Numeric user id; null where the system has none. */
  readonly userId: number | null;
  readonly path: string;
  readonly anchorFolders: readonly AnchorFolder[];
}

/** A certificate authority, by what the stores need of it. */
export interface Anchor {
  /** One PEM block. */
  readonly pem: string;
  /** Where that block lies as a file. */
  readonly file: string;
  /** Hexadecimal, no separators. */
  readonly sha1: string;
  /** Hexadecimal, no separators. */
  readonly sha256: string;
}

const MACOS_KEYCHAIN = '/Library/Keychains/System.keychain';

/** This machine. */
export function thisMachine(path: string | undefined): Machine {
  return {
    platform: process.platform,
    userId: process.getuid?.() ?? null,
    path: path ?? '',
    anchorFolders: ANCHOR_FOLDERS,
  };
}

/**
 * Puts an authority into the system's store; again changes nothing more.
 * @returns what was done, one line
 * @throws CommandError where the system is not known or refuses; nothing stays behind
 */
export function installAnchor(machine: Machine, anchor: Anchor): string {
  if (machine.platform === 'darwin') {
    run(machine, ['security', 'add-trusted-cert', '-d', '-r', 'trustRoot', '-k', MACOS_KEYCHAIN, anchor.file]);
    return `Installed into ${MACOS_KEYCHAIN}.`;
  }
  const store = findFolder(machine);
  const file = join(store.folder, anchorName(store, anchor));
  const isNew = !existsSync(file);
  replaceFile(file, anchor.pem, 0o644);
  try {
    run(machine, store.refresh);
  } catch (error) {
    if (isNew) rmSync(file, { force: true });
    throw error;
  }
  return `Installed as ${file}.`;
}

/**
 * Takes an authority out of the system's store.
 * @returns what was done, one line; null where it was not there
 * @throws CommandError where the system is not known or refuses
 */
export function removeAnchor(machine: Machine, anchor: Anchor): string | null {
  if (machine.platform === 'darwin') {
    run(machine, ['security', 'remove-trusted-cert', '-d', anchor.file]);
    run(machine, ['security', 'delete-certificate', '-Z', anchor.sha1, MACOS_KEYCHAIN]);
    return `Removed from ${MACOS_KEYCHAIN}.`;
  }
  const store = findFolder(machine);
  const file = join(store.folder, anchorName(store, anchor));
  if (!existsSync(file)) return null;
  rmSync(file);
  withdraw(machine, store, anchorName(store, anchor));
  return `Removed ${file}.`;
}

function withdraw(machine: Machine, store: AnchorFolder, name: string): void {
  if (store.withdrawalConfig === undefined || !existsSync(store.withdrawalConfig)) {
    run(machine, store.refresh);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'strongroom-'));
  try {
    const config = join(folder, 'ca-certificates.conf');
    writeFileSync(config, `${readFileSync(store.withdrawalConfig, 'latin1').trimEnd()}\n!${name}\n`, 'latin1');
    run(machine, [...store.refresh, '--certsconf', config]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Files that installations on this machine have left, of whichever server. */
export function installedAnchors(machine: Machine): string[] {
  return machine.anchorFolders.flatMap((store) =>
    existsSync(store.folder)
      ? readdirSync(store.folder)
          .filter((name) => /^strongroom-[0-9a-f]{8}\./.test(name))
          .map((name) => join(store.folder, name))
      : [],
  );
}

function anchorName(store: AnchorFolder, anchor: Anchor): string {
  return `strongroom-${anchor.sha256.slice(0, 8).toLowerCase()}${store.extension}`;
}

function findFolder(machine: Machine): AnchorFolder {
  const store = machine.anchorFolders.find((row) => existsSync(row.folder) && isOnPath(machine, row.refresh[0]));
  if (store) return store;
  throw new CommandError(
    'This system keeps its authorities where Strongroom does not know (on Linux, is the package ca-certificates ' +
      'installed?). `strongroom trust` shows how each client can be told by itself.',
  );
}

function isOnPath(machine: Machine, program: string): boolean {
  if (program.includes('/')) return existsSync(program);
  return machine.path.split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, program)));
}

function run(machine: Machine, words: readonly string[]): void {
  const [program, ...rest] = words;
  const env = { ...process.env, PATH: machine.path };
  const result = spawnSync(program!, rest, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'pipe'] });
  if (result.status === 0) return;
  const said = (result.stderr || result.stdout || result.error?.message || '').trim();
  throw new CommandError(`${words.join(' ')} failed${said ? `:\n${said}` : '.'}`, 1, { cause: result.error });
}
