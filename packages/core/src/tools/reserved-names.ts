/** The name of directories of livetree's own keys in etcd, wherever they are; nothing in them is configuration. */
export const RESERVED = '.livetree'

/** Why a store cannot keep a name as the segment of a key, whatever the schema says; undefined where it can. */
export function unstorable(name: string): string | undefined {
  if (name === RESERVED) return 'a store keeps that name for keys of livetree'
  if (name === '') return 'a key that ends in a slash marks a directory'
  return name.isWellFormed() ? undefined : 'a key is UTF-8 text, which has no half of a surrogate pair'
}
