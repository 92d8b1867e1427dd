/** How long the users of an instance are waited for, unless an option says otherwise, in milliseconds. */
export const DRAIN_MS = 30_000
