/** What a test may need of etcd that embedded does not have, and why it does not. */
export const embeddedGaps = {
  cluster: 'embedded is one node: no members to lose, add or lag behind, and no other leader',
  snapshot: 'embedded keeps no database file of etcd, which is what a snapshot is',
  log: "the test reads a line of etcd's own log",
  metrics: "the test reads one of etcd's metrics that embedded does not serve",
  tlsAlert: 'Node ends the connection of a refused client certificate without the alert that etcd sends',
} as const

/** Names one of {@link embeddedGaps}. */
export type EmbeddedGap = keyof typeof embeddedGaps
