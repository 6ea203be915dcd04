import type { AuthCommand, KvError, KvErrorCode } from '../../../shared/domain/kv.ts';
import { type AuthState, root } from './authState.ts';

/**
 * Executes a change of who may do what, or says why not; null: done (etcd, "Role-based access control"). While
 * authentication is on, there is always a root user whose role is root.
 */
export function executeAuth(auth: AuthState, command: AuthCommand): KvError | null {
  switch (command.type) {
    case 'AuthEnable':
      return enable(auth, command.tokenKey);
    case 'AuthDisable':
      if (auth.enabled) auth.disable();
      return null;
    case 'UserAdd':
      return ifOk(auth.hasUser(command.name) && 'user-exists', () => auth.setUser(command.name, command.password));
    case 'UserDelete':
      return deleteUser(auth, command.name);
    case 'UserChangePassword':
      return ifOk(userProblem(auth, command.name), () => auth.setUser(command.name, command.password));
    case 'UserGrantRole':
      return grantRole(auth, command.name, command.role);
    case 'UserRevokeRole':
      return revokeRole(auth, command.name, command.role);
    case 'RoleAdd':
      return ifOk(auth.hasRole(command.name) && 'role-exists', () => auth.addRole(command.name));
    case 'RoleDelete':
      return deleteRole(auth, command.name);
    case 'RoleGrantPermission':
      return ifOk(roleProblem(auth, command.name), () => auth.grantPermission(command.name, command.permission));
    case 'RoleRevokePermission': {
      const missing = roleProblem(auth, command.name);
      if (missing) return { code: missing };
      return auth.revokePermission(command.name, command.range) ? null : { code: 'permission-not-granted' };
    }
  }
}

function enable(auth: AuthState, tokenKey: string): KvError | null {
  if (auth.enabled) return null;
  if (!auth.hasUser(root)) return { code: 'root-user-missing' };
  if (!auth.isRoot(root)) return { code: 'root-role-missing' };
  auth.enable(tokenKey);
  return null;
}

function deleteUser(auth: AuthState, name: string): KvError | null {
  if (auth.enabled && name === root) return wouldLockOut;
  return ifOk(userProblem(auth, name), () => auth.deleteUser(name));
}

/** The role root may be given before it is there: it means what it means by its name. */
function grantRole(auth: AuthState, user: string, role: string): KvError | null {
  const problem = userProblem(auth, user) || (role !== root && roleProblem(auth, role));
  const isNew = !auth.rolesOf(user)?.includes(role);
  return ifOk(problem, () => {
    if (isNew) auth.grantRole(user, role);
  });
}

function revokeRole(auth: AuthState, user: string, role: string): KvError | null {
  if (auth.enabled && user === root && role === root) return wouldLockOut;
  const notGranted = !auth.rolesOf(user)?.includes(role) && 'role-not-granted';
  return ifOk(userProblem(auth, user) || notGranted, () => auth.revokeRole(user, role));
}

function deleteRole(auth: AuthState, name: string): KvError | null {
  if (auth.enabled && name === root) return wouldLockOut;
  return ifOk(roleProblem(auth, name), () => auth.deleteRole(name));
}

/** etcd's words for it. */
const wouldLockOut: KvError = { code: 'invalid-request', message: 'invalid auth management' };

function userProblem(auth: AuthState, user: string): KvErrorCode | false {
  return !auth.hasUser(user) && 'user-not-found';
}

function roleProblem(auth: AuthState, role: string): KvErrorCode | false {
  return !auth.hasRole(role) && 'role-not-found';
}

function ifOk(problem: KvErrorCode | false, change: () => void): KvError | null {
  if (problem) return { code: problem };
  change();
  return null;
}
