/** The flags of the command for the options of the client. */
const OF_CLIENT: Readonly<Record<string, string>> = {
  'tls.ca': '--cacert FILE',
  'tls.cert': '--cert FILE',
  'tls.key': '--key FILE',
  'auth.username': '--user NAME',
  'auth.password': 'LIVETREE_PASSWORD',
}

/** The flags for options that messages name in backticks. */
const QUOTED: Readonly<Record<string, string>> = {
  timeoutMs: '--timeout',
  document: '--document',
  variablePrefix: '--variable-prefix',
  'allowRemoval: true': '--allow-removal',
  'force: true': '--force',
  'reveal: true': '--reveal',
}

/**
 * A message of the library in the words of the command: `tls.ca` is `--cacert FILE`.
 *
 * @param isOfClient whether it is about the connection, where such a name is no path of the tree
 */
export function inFlags(text: string, isOfClient: boolean): string {
  const quoted = text
    .replace(/`?find\('([^']+)'\)`?/g, '`livetree history --id $1`')
    .replace(/`([^`]+)`/g, (found, name: string) => QUOTED[name] ?? found)
  if (!isOfClient) return quoted
  return quoted.replace(
    /\b(?:tls\.(?:ca|cert|key)|auth\.(?:username|password))\b/g,
    (name) => OF_CLIENT[name] ?? name,
  )
}
