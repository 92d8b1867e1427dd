/** The flags of the command for the options of the library that its messages name. */
const FLAGS: Readonly<Record<string, string>> = {
  'tls.ca': '--cacert FILE',
  'tls.cert': '--cert FILE',
  'tls.key': '--key FILE',
  'auth.username': '--user NAME',
  'auth.password': 'LIVETREE_PASSWORD',
  timeoutMs: '--timeout',
  'allowRemoval: true': '--allow-removal',
  'force: true': '--force',
  'reveal: true': '--reveal',
}

/** A message of the library in the words of the command: `tls.ca` is `--cacert FILE`. */
export function inFlags(text: string): string {
  return text.replace(
    /`?\b(tls\.ca|tls\.cert|tls\.key|auth\.username|auth\.password|timeoutMs|(?:allowRemoval|force|reveal): true)\b`?/g,
    (found, name: string) => FLAGS[name] ?? found,
  )
}
