/** etcd says this of a token that is expired, and of one that it does not know or does not know yet. */
const UNKNOWN = 'invalid auth token'

/** What is reported of a stream on which a watch is refused that a read with a current token shows to be permitted. */
export const STALE_STREAM = 'the token of the watch stream has become invalid'

/**
 * Texts of refusals of a token that was good when it was issued. With signed tokens, every change of a user or a role
 * outdates all of them, so any number of new tokens may be refused in a row.
 */
const OUTDATED = [UNKNOWN, STALE_STREAM, 'revision of auth store is old', 'revision in header is old']

/** Texts of refusals that a new token resolves. */
const RENEWABLE = [...OUTDATED, 'user name is empty']

function hasOne(texts: readonly string[], message: string): boolean {
  const text = message.toLowerCase()
  return texts.some((each) => text.includes(each))
}

/** True if the text of an error, of a call or within a watch, says that a new token would help. */
export function isTokenText(message: string): boolean {
  return hasOne(RENEWABLE, message)
}

/** True if the text says that the token is outdated or unknown, which is never final: a later one may be accepted. */
export function isOutdatedTokenText(message: string): boolean {
  return hasOne(OUTDATED, message)
}

/** True if the text says that the member does not know the token. */
export function isUnknownTokenText(message: string): boolean {
  return hasOne([UNKNOWN], message)
}
