import type { UnusedKey } from './issue.ts'
import { shortKey } from './short-text.ts'

/** Names an unused key for people: `/config/shop/pool/siz`; one inside a value with its path: `servers.0.prot in shop.yaml#/servers`. */
export function describeUnused({ origin, pathText, isInside }: UnusedKey): string {
  const key = shortKey(origin.key)
  return isInside ? `${shortKey(pathText)} in ${key}` : key
}
