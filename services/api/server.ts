import { type FastifyError, type FastifyInstance, type FastifyReply, fastify } from 'fastify';
import { version } from '../../shared/version.ts';
import { StateUnavailableError } from './clusterReader.ts';
import { allowedMethods, type FleetOptions, serveFleet } from './fleet/fleetV1.ts';
import { HttpError } from './httpError.ts';
import { serveMetrics } from './metrics.ts';

export interface ServerOptions extends FleetOptions {
  /** Told of exceptions that ended a request: they are bugs, or broken I/O. */
  onError: (error: unknown) => void;
}

/** A unit file of 256 KiB as JSON, and what stands around it. */
const bodyLimitBytes = 2 * 1024 * 1024;

/** The HTTP server, which listens nowhere yet. */
export function createServer(options: ServerOptions): FastifyInstance {
  const app = fastify({
    bodyLimit: bodyLimitBytes,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allErrors: true } },
  });
  takeJson(app);
  app.addHook('onRequest', async (_request, reply) => void reply.header('server', `flotilla/${version}`));
  app.setNotFoundHandler(({ url }, reply) => {
    const allowed = allowedMethods(url.split('?')[0] ?? '');
    if (allowed === null) return sendError(reply, 404, '');
    return sendError(reply, 405, `only ${allowed} supported against this resource`);
  });
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    const status = statusOf(error);
    if (status === 500) options.onError(error);
    return sendError(
      reply,
      status,
      status === 500 ? 'something went wrong here; see the log of the API service' : error.message,
    );
  });
  serveFleet(app, options);
  serveMetrics(app, options.reader);
  return app;
}

/** Every body is JSON, whatever it is called: who is strict about that says so itself. */
function takeJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => {
    if (body === '') return done(null, undefined);
    try {
      done(null, JSON.parse(String(body)));
    } catch (error) {
      done(new HttpError(400, `unable to decode body: ${(error as Error).message}`));
    }
  });
}

function statusOf(error: FastifyError | HttpError | StateUnavailableError): number {
  if (error instanceof HttpError) return error.status;
  if (error instanceof StateUnavailableError) return 503;
  return 'statusCode' in error && error.statusCode !== undefined && error.statusCode < 500 ? error.statusCode : 500;
}

function sendError(reply: FastifyReply, code: number, message: string): FastifyReply {
  return reply.code(code).send({ error: { code, message } });
}
