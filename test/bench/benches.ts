/** Every bench: the name of its script, and what it measures. In the order of the page. */
export const benches: Readonly<Record<string, string>> = {
  load: 'from nothing to a validated snapshot, against npm etcd3 and bare bytes',
  latency: 'from a put to a handler, against a bare watch',
  join: 'from a put to a handler, layers watched one by one and joined, against one watch',
  apply: 'one changed leaf in small and large trees',
  growth: '1.5 MB that mean harm, given to each kind of scalar, against 20 ms',
  read: 'a path of the configuration, against a plain object and other config packages',
  'fan-out': '2,000 live configurations in 20 processes, against bare watches',
  unary: 'get and put, 64 under way, against npm etcd3',
  memory: 'a live configuration, against the same data as a plain object',
  import: 'importing livetree, against npm etcd3',
  burst: '10,000 puts at once: when the last state is there, how long the event loop is blocked',
  pin: 'requests of Express, Fastify and Nest with a pinned configuration, against without',
  locks: 'locks and elections, against npm etcd3, etcdctl and bare requests',
  dispatch: "requests to a discovered service, against undici's Pool and BalancedPool",
  embedded: 'the embedded etcd, against etcd',
}
