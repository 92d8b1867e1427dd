import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { compare, createEtcdClient, op } from '@livetree/etcd'
import { expect, onTestFinished, test } from 'vitest'
import { runBounded } from '../../scripts/etcd/run-bounded.ts'
import { oneRealEtcd } from '../support/each-etcd.ts'
import { startProgram } from '../support/running-program.ts'
import { waitFor } from '../support/wait-for.ts'

const folder = fileURLToPath(new URL('../../examples/leader/', import.meta.url))

/** The tokens with which a worker has led. */
const tokensIn = (output: string) =>
  [...output.matchAll(/leads with token (\d+)/g)].map((match) => Number(match[1]))

oneRealEtcd('examples/leader', (etcd) => {
  test('one leads after the other, and the late writes of the former leader are refused', async () => {
    const server = await etcd.start()
    const files = mkdtempSync(join(tmpdir(), 'livetree-leader-'))
    onTestFinished(() => rmSync(files, { recursive: true }))
    const env = {
      ...process.env,
      ETCD_ENDPOINTS: server.endpoint,
      LEDGER: join(files, 'ledger.db'),
      NODE_NO_WARNINGS: '1',
    }
    const start = (name: string, workMs: number) =>
      startProgram(process.execPath, ['src/worker.ts', name], {
        cwd: folder,
        env: { ...env, WORK_MS: String(workMs) },
      })
    await using client = createEtcdClient({ endpoints: [server.endpoint] })
    const candidates = async (count: number) =>
      waitFor(async () => (await client.kv.getRange({ prefix: 'elections/billing/' })).count === count)

    const red = start('red', 20)
    await red.printed('red: wrote invoice 3')
    const leader = await client.kv.getRange({ prefix: 'elections/billing/', limit: 1 })
    const [{ key, createRevision } = { key: '', createRevision: 0 }] = leader.entries
    // So slow that it is stopped in the middle of an invoice, on a busy machine, too.
    const blue = start('blue', 5_000)
    await candidates(2)
    const green = start('green', 20)
    await candidates(3)
    expect(blue.output + green.output).not.toContain('leads')

    red.kill('SIGKILL')
    expect(await red.ended()).toBe('SIGKILL')
    await blue.printed(/leads with token .*\n.*works on invoice \d+/)
    blue.kill('SIGSTOP')
    const frozen = blue.output
    // What red may have sent with its last breath is refused by etcd itself.
    const late = await client.kv
      .txn()
      .if(compare.createRevision(key, '=', createRevision))
      .then(op.put('billing/next', '1'))
      .commit()
    expect([tokensIn(red.output), late.succeeded]).toEqual([[createRevision], false])

    await green.printed(/green: wrote invoice \d+\n.*\n.*wrote/)
    blue.kill('SIGCONT')
    await blue.printed('blue: was refused by the ledger: token')
    const during = blue.output.slice(frozen.length)
    expect(during).not.toContain('wrote')
    const [blueToken = 0] = tokensIn(blue.output)
    const [greenToken = 0] = tokensIn(green.output)
    expect(during).toContain(`token ${blueToken} is older than ${greenToken}`)

    // Blue stands again, and leads at once when green resigns.
    await candidates(2)
    green.kill('SIGTERM')
    expect(await green.ended()).toBe(0)
    expect(green.lines.at(-1)).toBe('green: ends')
    await waitFor(() => tokensIn(blue.output).length === 2, { timeoutMs: 30_000 })
    blue.kill('SIGTERM')
    expect(await blue.ended()).toBe(0)
    expect((await client.kv.getRange({ prefix: 'elections/' })).count).toBe(0)

    const args = ['src/invoices.ts']
    const listed = await runBounded(process.execPath, args, { cwd: folder, env, timeoutMs: 30_000 })
    const invoices = [...listed.stdout.matchAll(/invoice (\d+) by (\w+), token (\d+)\n/g)]
    expect(invoices.map((match) => Number(match[1]))).toEqual(invoices.map((_, index) => index + 1))
    const tokens = invoices.map((match) => Number(match[3]))
    expect(tokens).toEqual(tokens.toSorted((a, b) => a - b))
    expect([...new Set(invoices.map((match) => match[2]))]).toEqual(['red', 'green', 'blue'])
    expect(await client.kv.get('billing/next')).toMatchObject({ text: String(invoices.length + 1) })
  })
})
