import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { eachEtcd } from './each-etcd.ts'
import type { EtcdServer } from './start-etcd.ts'

const started: EtcdServer[] = []

eachEtcd('eachEtcd closes what it started', (etcd) => {
  let shared: EtcdServer
  let own: EtcdServer

  beforeAll(async () => {
    shared = await etcd.start()
    started.push(shared)
  })

  test('a server of a test serves it', async () => {
    own = await etcd.start()
    started.push(own)
    expect(await own.etcdctl(['put', 'fruit', 'apple'])).toBe('OK\n')
  })

  test('and is gone when the test is over; that of the block is not', async () => {
    expect(own.pid).toBeUndefined()
    expect(await shared.etcdctl(['put', 'fruit', 'apple'])).toBe('OK\n')
  })
})

// Declared after the blocks, in which case vitest still runs it after them: it belongs to the file.
afterAll(() => {
  expect(started.length).toBeGreaterThanOrEqual(2)
  expect(started.map(({ pid }) => pid)).toEqual(started.map(() => undefined))
})

eachEtcd('etcd.needs', (etcd) => {
  const reached: string[] = []

  test('in a test skips it on embedded', () => {
    etcd.needs('cluster')
    reached.push('test')
  })

  describe('in a block', () => {
    etcd.needs('cluster')

    test('skips its tests on embedded', () => {
      reached.push('test of a block')
    })
  })

  test('skips nothing on a real etcd, nor what comes after it', () => {
    expect(reached).toEqual(etcd.kind === 'embedded' ? [] : ['test', 'test of a block'])
  })
})
