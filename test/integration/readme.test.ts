import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createEtcdClient } from '@livetree/etcd'
import { expect, test } from 'vitest'
import { eachEtcd } from '../support/each-etcd.ts'
import { runNode } from '../support/run-node.ts'

eachEtcd('README.md', (etcd) => {
  test('the ten lines work when pasted', async () => {
    const server = await etcd.start()
    await using client = createEtcdClient({ endpoints: [server.endpoint] })
    await client.kv.put('/config/shop/greeting', 'Hello')
    const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
    const pasted = /```ts\n([\s\S]*?)```/.exec(readme)![1]!
    expect(pasted).toContain("'http://127.0.0.1:2379'")
    const script = new URL(`./readme-${process.pid}-${server.port}.ts`, import.meta.url)
    const ending = '\nprocess.stdin.resume().on("end", () => config.close())\n'
    writeFileSync(script, pasted.replace('http://127.0.0.1:2379', server.endpoint) + ending)
    try {
      const { code, output } = await runNode(script, {}, 20_000, async (printed) => {
        await printed('Hello 10')
        await client.kv.put('/config/shop/pool/max', '20')
        await printed('pool 10 → 20')
        await client.kv.put('/config/shop/pool/max', 'ten')
        await printed('/config/shop/pool/max')
        await client.kv.put('/config/shop/pool/max', '25')
        await printed('pool 20 → 25')
      })
      expect(output).toContain('expected number')
      expect(code).toBe(0)
    } finally {
      rmSync(script)
    }
  })
})
