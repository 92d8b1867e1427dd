import { expect, test } from 'vitest'
import { Event, WatchResponse } from '@livetree/etcd/wire'
import { fragmentsOf } from './fragments.ts'

function events(...sizes: number[]) {
  return sizes.map((size) =>
    Event.decode(Event.encode({ kv: { key: 'k', value: 'x'.repeat(size), modRevision: 9 } })),
  )
}

test.each([
  ['all that fit together', [100, 100, 100], 1000, [3]],
  ['one each when two do not fit', [600, 600, 600], 1000, [1, 1, 1]],
  ['an event above the limit alone', [100, 5000, 100], 1000, [1, 1, 1]],
  ['what fits side by side', [400, 400, 400, 400], 1000, [2, 2]],
  ['no event', [], 1000, [0]],
])('fragmentsOf: %s', (_, sizes, maxBytes, expected) => {
  const fragments = fragmentsOf(events(...sizes), maxBytes)
  expect(fragments.map(({ length }) => length)).toEqual(expected)
  for (const fragment of fragments) {
    const bytes = WatchResponse.encode({ watchId: 1, events: fragment, fragment: true }).length
    if (fragment.length > 1) expect(bytes).toBeLessThan(maxBytes)
  }
})
