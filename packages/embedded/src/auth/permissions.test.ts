import { PermissionType } from '@livetree/etcd/wire'
import { expect, test } from 'vitest'
import type { KeyRange } from '../mvcc/key-range.ts'
import { isCovered } from './permissions.ts'

function span(start: string, end?: string): KeyRange {
  return { type: 'span', start, end }
}
function key(start: string): KeyRange {
  return { type: 'key', start }
}
function read(range: KeyRange) {
  return { permType: PermissionType.read, range }
}
function write(range: KeyRange) {
  return { permType: PermissionType.write, range }
}

test.each([
  ['a key by itself', key('a'), [read(key('a'))], true],
  ['a key by a span', key('b'), [read(span('a', 'c'))], true],
  ['a key at the end of a span', key('c'), [read(span('a', 'c'))], false],
  ['another key', key('b'), [read(key('a'))], false],
  ['a longer key', key('ab'), [read(key('a'))], false],
  ['a span by itself', span('a', 'c'), [read(span('a', 'c'))], true],
  ['a span by a wider one', span('b', 'c'), [read(span('a', 'd'))], true],
  ['a span by two that meet', span('a', 'c'), [read(span('b', 'c')), read(span('a', 'b'))], true],
  ['a span by two that overlap', span('a', 'd'), [read(span('a', 'c')), read(span('b', 'd'))], true],
  ['a span by two with a gap', span('a', 'd'), [read(span('a', 'b')), read(span('c', 'd'))], false],
  ['a span by a key and what follows it', span('a', 'b'), [read(key('a')), read(span('a\0', 'b'))], true],
  ['everything by everything', span('\0'), [read(span('\0'))], true],
  ['everything by a span', span('\0'), [read(span('\0', 'z'))], false],
  ['a span by an open one', span('x', 'z'), [read(span('a'))], true],
  ['by a short one inside a long one', span('a', 'z'), [read(span('a', 'z')), read(span('b', 'c'))], true],
  ['nothing granted', key('a'), [], false],
  ['another right', key('a'), [write(key('a'))], false],
  ['both rights', key('a'), [{ permType: PermissionType.readWrite, range: key('a') }], true],
])('isCovered: %s', (_, range, permissions, expected) => {
  expect(isCovered(range, permissions, 'read')).toBe(expected)
})
