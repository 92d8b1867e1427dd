import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { applyPut } from './txn.ts'
import { MvccStore } from './store.ts'

test('MvccStore keeps small keys and values without the network buffers and pools they came in', () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const store = new MvccStore({ attach: () => {}, detach: () => {} })
  const held = (): number => process.memoryUsage().arrayBuffers
  collect()
  const before = held()
  for (let n = 0; n < 2000; n += 1) {
    // A request in a network buffer of its own, and Node's pool used up by others between two writes.
    const chunk = Buffer.alloc(64 * 1024, 0x61)
    for (let other = 0; other < 20; other += 1) Buffer.from('x'.repeat(4000))
    const request = {
      key: Buffer.from(chunk.buffer, 0, 10),
      value: Buffer.from(chunk.buffer, 100, 20),
      ...{ lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false },
    }
    chunk.write(String(n).padStart(10, '0'))
    store.write((txn) => applyPut(txn, request))
  }
  collect()
  expect(store.keyCount).toBe(2000)
  // 60 bytes of content each; a pinned pool or chunk would be a thousand times as much, 130 MB.
  expect(held() - before).toBeLessThan(20_000_000)
})
