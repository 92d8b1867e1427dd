import { optionKinds } from '@livetree/core/source'
import { isUtf8 } from 'node:buffer'
import { unreadable } from './formats.ts'

/** A key of a store with its text. */
export interface KeyText {
  readonly key: string
  readonly text: string
}

/** The keys in the answer of `etcdctl get --prefix <prefix> -w json`. @throws AdminError `unreadable` */
export function parseEtcdctl(text: string): readonly KeyText[] {
  let read: unknown
  try {
    read = JSON.parse(text)
  } catch {
    // The parser's own words quote the text.
    throw unreadable('it is not the output of etcdctl get -w json')
  }
  const kvs = optionKinds.isObject(read) ? (read['kvs'] ?? []) : undefined
  if (!Array.isArray(kvs)) throw unreadable('it is not the output of etcdctl get -w json')
  return kvs.map((kv: unknown) => {
    const { key, value = '' } = optionKinds.isObject(kv) ? kv : {}
    return { key: decoded(key), text: decoded(value) }
  })
}

function decoded(part: unknown): string {
  const isBase64 = typeof part === 'string' && /^[A-Za-z0-9+/]*={0,2}$/.test(part)
  const bytes = isBase64 ? Buffer.from(part, 'base64') : undefined
  if (bytes === undefined || !isUtf8(bytes))
    throw unreadable('a key or value in it is no base64 of UTF-8 text')
  return bytes.toString()
}

/** Keys in the form of `etcdctl get -w json`. */
export function etcdctlText(keys: readonly KeyText[]): string {
  const encoded = (text: string) => Buffer.from(text).toString('base64')
  const kvs = keys.map(({ key, text }) => ({ key: encoded(key), value: encoded(text) }))
  return `${JSON.stringify({ kvs, count: kvs.length })}\n`
}
