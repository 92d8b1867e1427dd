/** How likely an endpoint is to serve a call at once; lower is better. */
export type Readiness =
  /** Connected, or not tried yet. */
  | 0
  /** Connected, but silent while calls wait, or at capacity. */
  | 1
  /** Not connected because it failed or takes long, or the last call failed through its fault. */
  | 2
  /** Failed a moment ago. */
  | 3
