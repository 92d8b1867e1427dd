/** Whether a key lies in `[key, rangeEnd)` as etcd takes it: no end means one key, a zero byte means to the end. */
export const isInRange = (key: string, from: string, rangeEnd: string | undefined): boolean => {
  if (rangeEnd === undefined) return key === from
  if (compareKeys(key, from) < 0) return false
  return rangeEnd === '\0' || compareKeys(key, rangeEnd) < 0
}

/** The order of the store: by bytes. */
const compareKeys = (one: string, other: string): number => Buffer.compare(bytesOf(one), bytesOf(other))

const bytesOf = (text: string): Buffer =>
  text.startsWith('base64:') ? Buffer.from(text.slice(7), 'base64') : Buffer.from(text)
