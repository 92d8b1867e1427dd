import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { countOpenHandles, expectNoMoreHandlesThan } from './open-handles.ts'
import { waitFor } from './wait-for.ts'

test('expectNoMoreHandlesThan names a server left open, and is content once it is closed', async () => {
  const before = countOpenHandles()
  const server = createServer().listen(0, '127.0.0.1')
  await waitFor(() => server.listening)
  await expect(expectNoMoreHandlesThan(before, 50)).rejects.toThrow(/Left open.*1 × TCPServerWrap/)
  server.close()
  await expectNoMoreHandlesThan(before)
})

test('waitFor gives the value back, takes a throwing condition as not yet, and says what did not come', async () => {
  let calls = 0
  const value = await waitFor(() => {
    calls += 1
    if (calls < 3) throw new Error('too early')
    return calls
  })
  expect(value).toBe(3)
  await expect(waitFor(() => false, { timeoutMs: 5, what: 'rain' })).rejects.toThrow(/Waited 5 ms for rain/)
})
