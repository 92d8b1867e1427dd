import { AlarmAction, AlarmType, KV, Maintenance } from '@livetree/etcd/wire'
import { expect, test } from 'vitest'
import { eachServer, fresh } from './contract-server.ts'
import { op } from './operations.ts'
import { RawStatus } from './call-client.ts'

/** What is refused after each sequence: `+N5` raises no space for member 5, `-C7` takes corrupt of member 7 back. */
const REFUSED: Readonly<Record<string, string>> = {
  '+N5': 'put',
  '+C7': 'put delete',
  '+N5 +C7 +N0': 'put delete',
  '+N5 +N0 -N5': 'put',
  '+C5 +C0 -C5': 'put delete',
  '+C7 +N5 +C7': 'put',
  '+N5 +C7 -N5': '',
  '+C7 +N5 -N5': '',
  '+N5 +C7 +C8 -C7': 'put delete',
  '+C7 +N5 +N6 -N5': 'put',
  '+N5 -N5 +C7 +C7 -C7': '',
}

/** Whether the server refuses a call; what breaks in another way is thrown. */
async function isRefused(call: Promise<unknown>): Promise<boolean> {
  try {
    await call
    return false
  } catch (error) {
    if (error instanceof RawStatus) return true
    throw error
  }
}

eachServer('Alarms', (server) => {
  const current = server.use()

  async function alarm(step: string): Promise<void> {
    await current().client.call(Maintenance.alarm, {
      action: step.startsWith('+') ? AlarmAction.activate : AlarmAction.deactivate,
      alarm: step[1] === 'N' ? AlarmType.noSpace : AlarmType.corrupt,
      memberId: BigInt(step.slice(2)),
    })
  }

  test.for(Object.entries(REFUSED))(
    '%s: the first of a kind refuses, the last of a kind to go lets pass',
    async ([sequence, expected]) => {
      const { client } = current()
      const key = fresh('alarmed')
      for (const step of sequence.split(' ')) await alarm(step)
      const refused: string[] = []
      if (await isRefused(client.call(KV.put, { key, value: '1' }))) refused.push('put')
      if (await isRefused(client.call(KV.deleteRange, { key }))) refused.push('delete')
      for (const { memberId, alarm: kind } of (await client.call(Maintenance.alarm, {})).alarms)
        await client.call(Maintenance.alarm, { action: AlarmAction.deactivate, alarm: kind, memberId })
      expect(refused.join(' ')).toBe(expected)
    },
  )

  test('a put in a nested transaction passes while there is no space, as its bytes are not counted', async () => {
    const { client } = current()
    await alarm('+N5')
    const nested = op.txn({ success: [op.put({ key: fresh('nested'), value: '1' })] })
    const wasRefused = await isRefused(client.call(KV.txn, { success: [nested] }))
    await alarm('-N5')
    expect(wasRefused).toBe(false)
  })
})
