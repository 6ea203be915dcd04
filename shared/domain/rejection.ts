/** An expected refusal: what a command is answered with when it is not done. Nothing has changed then. */
export interface Rejection {
  rejected: true;
  code: RejectionCode;
  /** What happened, to what, why, what to do. */
  message: string;
  /** Every single problem, where there are several. */
  details: string[];
}

export type RejectionCode =
  | 'invalid-command'
  | 'invalid-unit'
  | 'unit-exists'
  | 'unit-not-found'
  | 'machine-not-found'
  | 'machine-alive'
  | 'cannot-move'
  | 'rollout-under-way'
  | 'no-rollout'
  | 'cannot-reload'
  | 'manual-refused'
  | 'machine-id-in-use'
  | 'another-cluster'
  | 'machine-session-ended'
  | 'too-large'
  | 'log-refused';

export function reject(code: RejectionCode, message: string, details: string[] = []): Rejection {
  return { rejected: true, code, message, details };
}

export function isRejection(value: object): value is Rejection {
  return 'rejected' in value;
}
