/** How a cluster's NATS is reached, and what it asks for. */
export interface NatsAccess {
  /** `host:port` or `nats://user:password@host:port`; several, separated by commas, are servers of one cluster. */
  server: string;
  /** Instead of credentials in the URL. */
  user?: string;
  password?: string;
  /** PEM file of the authorities that may sign the servers' certificates; absent: those that Node.js knows. */
  tlsCa?: string;
  /** PEM files of a certificate of our own, where the servers ask for one, and of its key. */
  tlsCert?: string;
  tlsKey?: string;
}
