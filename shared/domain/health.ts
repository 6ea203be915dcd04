/** What a container's health check says, in docker's words: docker-run(1), `--health-cmd`. */
export type Health = 'starting' | 'healthy' | 'unhealthy';

export const healths: readonly Health[] = ['starting', 'healthy', 'unhealthy'];

/** Whether it may be relied on: a unit without a health check by being active. */
export function isFit({ health }: { health?: Health | undefined }): boolean {
  return health === undefined || health === 'healthy';
}

/** `running (healthy)`, as `docker ps` has it. */
export function withHealth(sub: string, health: Health | undefined): string {
  return health === undefined ? sub : `${sub} (${health})`;
}
