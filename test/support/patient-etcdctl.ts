/**
 * Flags for every `etcdctl` of a test. By itself it gives up after 5 seconds, 2 of them to log in: too little where passwords
 * are hashed on a busy machine. A flag that follows takes precedence.
 */
export const patientEtcdctl: readonly string[] = ['--command-timeout=20s', '--dial-timeout=20s']

/** The same for lines that are run as a reader of the documentation runs them; such a line must not set a timeout itself. */
export const patientEnvironment = { ETCDCTL_COMMAND_TIMEOUT: '20s', ETCDCTL_DIAL_TIMEOUT: '20s' } as const
