import { randomBytes } from 'node:crypto';
import type { AuthCommand, Permission } from '../../../shared/domain/kv.ts';
import { type EtcdContext, execute, headerOf, linearizable } from './context.ts';
import { refuse } from './errors.ts';
import type { Call } from './grpc/call.ts';
import { GrpcCode, GrpcStatus } from './grpc/grpcStatus.ts';
import type { Route } from './grpc/route.ts';
import { unary } from './grpc/unary.ts';
import {
  type AuthenticateRequest,
  type AuthRoleGetRequest,
  type AuthRoleGrantPermissionRequest,
  type AuthRoleRevokePermissionRequest,
  AuthService,
  type AuthUserAddRequest,
  type AuthUserChangePasswordRequest,
  type AuthUserGetRequest,
  type Permission as WirePermission,
} from './messages.ts';
import { hashPassword, isPassword } from './passwords.ts';

const accesses = ['read', 'write', 'readwrite'] as const;
const tokenKeyBytes = 32;
const rootRole = 'root';

/** etcd's Auth service ("Role-based access control"). Passwords become hashes here: the log never sees one. */
export function authRoutes(context: EtcdContext): Route[] {
  const { service, authenticator } = context;

  /** A change of users and roles; the store refuses it to anybody but root while authentication is on. */
  async function change(command: AuthCommand, call: Call) {
    const user = authenticator.userOf(call);
    if (user instanceof GrpcStatus) return user;
    const done = await execute(service, command, user, 'Done');
    return done instanceof GrpcStatus ? done : { header: done.header };
  }

  async function authenticate({ name, password }: AuthenticateRequest) {
    const refusal = await linearizable(service);
    if (refusal !== null) return refusal;
    const { auth } = service.store;
    if (!auth.enabled) return refuse('auth-not-enabled');
    const hashed = auth.password(name);
    if (hashed === undefined) return hasNoPassword;
    if (hashed === null || !(await isPassword(password, hashed))) return refuse('auth-failed');
    // The password may have been changed while it was compared.
    if (auth.password(name) !== hashed) return refuse('auth-failed');
    return { header: headerOf(service), token: authenticator.issueToken(name) };
  }

  async function userAdd({ name, password, options }: AuthUserAddRequest, call: Call) {
    if (name === '') return refuse('user-name-empty');
    if (options?.noPassword) return change({ type: 'UserAdd', name }, call);
    return change({ type: 'UserAdd', name, password: await hashPassword(password) }, call);
  }

  async function userChangePassword({ name, password }: AuthUserChangePasswordRequest, call: Call) {
    return change({ type: 'UserChangePassword', name, password: await hashPassword(password) }, call);
  }

  async function userGet({ name }: AuthUserGetRequest, call: Call) {
    const refusal = (await linearizable(service)) ?? mayLookAt(call, (user) => user === name);
    if (refusal !== null) return refusal;
    const roles = service.store.auth.rolesOf(name);
    return roles === null ? refuse('user-not-found') : { header: headerOf(service), roles };
  }

  async function userList(_request: object, call: Call) {
    const refusal = (await linearizable(service)) ?? authenticator.onlyRoot(call);
    return refusal ?? { header: headerOf(service), users: service.store.auth.users() };
  }

  async function roleGet({ role }: AuthRoleGetRequest, call: Call) {
    const { auth } = service.store;
    const holds = (user: string) => auth.rolesOf(user)?.includes(role) ?? false;
    const refusal = (await linearizable(service)) ?? mayLookAt(call, holds);
    if (refusal !== null) return refusal;
    const permissions = auth.permissionsOf(role);
    if (permissions === null) return refuse('role-not-found');
    const all = role === rootRole ? [...permissions, everything] : permissions;
    return { header: headerOf(service), perm: all.map(writePermission) };
  }

  async function roleList(_request: object, call: Call) {
    const refusal = (await linearizable(service)) ?? authenticator.onlyRoot(call);
    return refusal ?? { header: headerOf(service), roles: service.store.auth.roles() };
  }

  /** Users may look at what is their own, root at everything. */
  function mayLookAt(call: Call, isOwn: (user: string) => boolean): GrpcStatus | null {
    const user = authenticator.userOf(call);
    if (user instanceof GrpcStatus) return user;
    return user !== undefined && isOwn(user) ? null : authenticator.onlyRoot(call);
  }

  async function grantPermission({ name, perm }: AuthRoleGrantPermissionRequest, call: Call) {
    if (perm === undefined) return refuse('permission-not-granted');
    return change({ type: 'RoleGrantPermission', name, permission: readPermission(perm) }, call);
  }

  function revokePermission({ role, key, rangeEnd }: AuthRoleRevokePermissionRequest, call: Call) {
    const range = rangeEnd === '' ? { key } : { key, rangeEnd };
    return change({ type: 'RoleRevokePermission', name: role, range }, call);
  }

  return [
    unary(AuthService.AuthEnable, (_, call) =>
      change({ type: 'AuthEnable', tokenKey: randomBytes(tokenKeyBytes).toString('hex') }, call),
    ),
    unary(AuthService.AuthDisable, (_, call) => change({ type: 'AuthDisable' }, call)),
    unary(AuthService.AuthStatus, () => {
      const { enabled, revision } = service.store.auth;
      return { header: headerOf(service), enabled, authRevision: revision };
    }),
    unary(AuthService.Authenticate, authenticate),
    unary(AuthService.UserAdd, userAdd),
    unary(AuthService.UserGet, userGet),
    unary(AuthService.UserList, userList),
    unary(AuthService.UserDelete, ({ name }, call) => change({ type: 'UserDelete', name }, call)),
    unary(AuthService.UserChangePassword, userChangePassword),
    unary(AuthService.UserGrantRole, ({ user, role }, call) =>
      change({ type: 'UserGrantRole', name: user, role }, call),
    ),
    unary(AuthService.UserRevokeRole, ({ name, role }, call) => change({ type: 'UserRevokeRole', name, role }, call)),
    unary(AuthService.RoleAdd, ({ name }, call) => change({ type: 'RoleAdd', name }, call)),
    unary(AuthService.RoleGet, roleGet),
    unary(AuthService.RoleList, roleList),
    unary(AuthService.RoleDelete, ({ role }, call) => change({ type: 'RoleDelete', name: role }, call)),
    unary(AuthService.RoleGrantPermission, grantPermission),
    unary(AuthService.RoleRevokePermission, revokePermission),
  ];
}

/** etcd's own words; their code is that of an error without one. */
const hasNoPassword = new GrpcStatus(
  GrpcCode.Unknown,
  'auth: authentication failed, password was given for no password user',
);

/** What etcd shows of the role root beside what it was given. */
const everything: Permission = { access: 'readwrite', key: '', rangeEnd: '\0' };

function readPermission({ permType, key, rangeEnd }: WirePermission): Permission {
  const access = accesses[permType] ?? 'read';
  return rangeEnd === '' ? { access, key } : { access, key, rangeEnd };
}

function writePermission({ access, key, rangeEnd }: Permission): Partial<WirePermission> {
  return { permType: accesses.indexOf(access), key, ...(rangeEnd !== undefined && { rangeEnd }) };
}
