import type { KeyRange, Permission } from '../../../shared/domain/kv.ts';
import { compareBytes } from './bytes.ts';
import { type Coverage, coverageOf } from './permissions.ts';
import type { AuthView } from './store.ts';

/** The user that there has to be, and the role that may do everything. */
export const root = 'root';

interface User {
  /** A salted hash; undefined: cannot log in by password. */
  password: string | undefined;
  readonly roles: Set<string>;
}

/** All of it, for snapshots. Sorted by name. */
export interface AuthContent {
  enabled: boolean;
  revision: number;
  tokenKey: string;
  users: { name: string; password: string | undefined; roles: string[] }[];
  roles: { name: string; permissions: Permission[] }[];
}

/** Users, roles and what they may do (etcd, "Role-based access control"). What may be changed is decided in `authCommands`. */
export class AuthState implements AuthView {
  #enabled = false;
  #revision = 1;
  #tokenKey = '';
  readonly #users = new Map<string, User>();
  readonly #roles = new Map<string, Permission[]>();
  /** By user, made when it is first needed after a change. */
  readonly #coverages = new Map<string, Coverage>();

  get enabled(): boolean {
    return this.#enabled;
  }

  get revision(): number {
    return this.#revision;
  }

  get tokenKey(): string {
    return this.#tokenKey;
  }

  static restore(content: AuthContent): AuthState {
    const auth = new AuthState();
    for (const { name, permissions } of content.roles) auth.#roles.set(name, permissions);
    for (const { name, password, roles } of content.users) auth.#users.set(name, { password, roles: new Set(roles) });
    auth.#enabled = content.enabled;
    auth.#tokenKey = content.tokenKey;
    auth.#revision = content.revision;
    return auth;
  }

  content(): AuthContent {
    const users = this.users().map((name) => ({
      name,
      password: this.#users.get(name)?.password,
      roles: this.rolesOf(name) ?? [],
    }));
    const roles = this.roles().map((name) => ({ name, permissions: this.permissionsOf(name) ?? [] }));
    return { enabled: this.#enabled, revision: this.#revision, tokenKey: this.#tokenKey, users, roles };
  }

  password(user: string): string | undefined | null {
    const found = this.#users.get(user);
    return found === undefined ? null : found.password;
  }

  users(): string[] {
    return [...this.#users.keys()].sort(compareBytes);
  }

  roles(): string[] {
    return [...this.#roles.keys()].sort(compareBytes);
  }

  rolesOf(user: string): string[] | null {
    const found = this.#users.get(user);
    return found === undefined ? null : [...found.roles].sort(compareBytes);
  }

  permissionsOf(role: string): Permission[] | null {
    return this.#roles.get(role)?.map((permission) => ({ ...permission })) ?? null;
  }

  isRoot(user: string): boolean {
    return this.#users.get(user)?.roles.has(root) ?? false;
  }

  hasUser(user: string): boolean {
    return this.#users.has(user);
  }

  hasRole(role: string): boolean {
    return this.#roles.has(role);
  }

  /** What all roles of the user allow together; nothing where there is no such user. */
  coverageOf(user: string): Coverage {
    let coverage = this.#coverages.get(user);
    if (coverage === undefined) {
      const roles = [...(this.#users.get(user)?.roles ?? [])];
      coverage = coverageOf(roles.flatMap((role) => this.#roles.get(role) ?? []));
      this.#coverages.set(user, coverage);
    }
    return coverage;
  }

  enable(tokenKey: string): void {
    this.#enabled = true;
    this.#tokenKey = tokenKey;
    this.#changed();
  }

  disable(): void {
    this.#enabled = false;
    this.#changed();
  }

  setUser(name: string, password: string | undefined): void {
    const roles = this.#users.get(name)?.roles ?? new Set();
    this.#users.set(name, { password, roles });
    this.#changed();
  }

  deleteUser(name: string): void {
    this.#users.delete(name);
    this.#changed();
  }

  grantRole(user: string, role: string): void {
    this.#users.get(user)?.roles.add(role);
    this.#changed();
  }

  revokeRole(user: string, role: string): void {
    this.#users.get(user)?.roles.delete(role);
    this.#changed();
  }

  addRole(name: string): void {
    this.#roles.set(name, []);
    this.#changed();
  }

  /** Nobody has it any more either. */
  deleteRole(name: string): void {
    this.#roles.delete(name);
    for (const user of this.#users.values()) user.roles.delete(name);
    this.#changed();
  }

  /** Replaces what the role was allowed for the very same range. */
  grantPermission(role: string, permission: Permission): void {
    const others = (this.#roles.get(role) ?? []).filter((held) => !isSameRange(held, permission));
    this.#roles.set(role, [...others, plainPermission(permission)].sort(compareRanges));
    this.#changed();
  }

  /** False: it has no permission for the very same range. */
  revokePermission(role: string, range: KeyRange): boolean {
    const held = this.#roles.get(role) ?? [];
    const others = held.filter((permission) => !isSameRange(permission, range));
    if (others.length === held.length) return false;
    this.#roles.set(role, others);
    this.#changed();
    return true;
  }

  #changed(): void {
    this.#revision++;
    this.#coverages.clear();
  }
}

/** Without what else the object that came in may have, and without an end that is none. */
function plainPermission({ access, key, rangeEnd }: Permission): Permission {
  return rangeEnd ? { access, key, rangeEnd } : { access, key };
}

function isSameRange(a: KeyRange, b: KeyRange): boolean {
  return compareRanges(a, b) === 0;
}

function compareRanges(a: KeyRange, b: KeyRange): number {
  return compareBytes(a.key, b.key) || compareBytes(a.rangeEnd ?? '', b.rangeEnd ?? '');
}
