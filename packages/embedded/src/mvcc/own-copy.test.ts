import { setImmediate as turn } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { MvccStore } from './store.ts'
import { applyPut } from './txn.ts'

test('MvccStore keeps small keys and values without the network buffers and pools they came in', async () => {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const store = new MvccStore({ attach: () => {}, detach: () => {} })
  const memory = new Map<ArrayBufferLike, WeakRef<ArrayBufferLike>>()
  const notice = ({ buffer }: Uint8Array) => memory.set(buffer, new WeakRef(buffer))
  for (let n = 0; n < 2000; n += 1) {
    // A request in a network buffer of its own, and Node's pool used up by others between two writes.
    const chunk = Buffer.alloc(64 * 1024, 0x61)
    notice(chunk)
    for (let other = 0; other < 20; other += 1) notice(Buffer.from('x'.repeat(4000)))
    const request = {
      key: Buffer.from(chunk.buffer, 0, 10),
      value: Buffer.from(chunk.buffer, 100, 20),
      ...{ lease: 0n, prevKv: false, ignoreValue: false, ignoreLease: false },
    }
    chunk.write(String(n).padStart(10, '0'))
    store.write((txn) => applyPut(txn, request))
  }
  const all = [...memory.values()]
  memory.clear()
  await turn()
  collect()
  expect(store.keyCount).toBe(2000)
  // The pool that is in use, and what the engine has not let go of yet. Each write would pin its chunk or its pool.
  expect(all.filter((buffer) => buffer.deref() !== undefined).length).toBeLessThan(20)
})
