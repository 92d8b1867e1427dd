import { type ChildProcess, spawn } from 'node:child_process'
import { createElection, createMutex, openElectionView } from '@livetree/coordination'
import { afterEach, expect, it } from 'vitest'
import { oneEtcd } from '../../support/each-etcd.ts'
import { eachEtcdctl } from '../../support/etcdctls.ts'
import type { EtcdServer } from '../../support/start-etcd.ts'
import { waitFor } from '../../support/wait-for.ts'
import { connect } from '../etcd/watch-kit.ts'
import { isPending, keysOf, open } from './kit.ts'

const running: ChildProcess[] = []

afterEach(async () => {
  for (const child of running.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await ended
  }
})

/** Runs `etcdctl` until it is ended, and collects the lines it prints. */
function etcdctl(path: string, server: EtcdServer, args: readonly string[]) {
  const env = { ...process.env, ETCDCTL_API: '3' }
  const child = spawn(path, ['--endpoints', server.endpoint, ...args], { env })
  running.push(child)
  let printed = ''
  let ended = false
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      printed += String(chunk)
    })
  child.once('close', () => {
    ended = true
  })
  return {
    get lines() {
      return printed.split('\n').filter((line) => line !== '')
    },
    get hasEnded() {
      return ended
    },
    interrupt: () => child.kill('SIGINT'),
    kill: () => child.kill('SIGKILL'),
  }
}

eachEtcdctl('coordination with another language', (ctl) => {
  oneEtcd('on', (etcd) => {
    it('takes turns on a lock with etcdctl lock, in the order of arrival', async () => {
      const server = await etcd.start()
      const client = connect(server.endpoint)
      const mutex = createMutex(await open(client), 'locks/a')
      const keys = (count: number) =>
        waitFor(async () => (await keysOf(client, 'locks/a/')).length === count, { what: `${count} keys` })
      const first = etcdctl(ctl.path, server, ['lock', 'locks/a'])
      await waitFor(() => first.lines.length === 1)
      // It prints the key it holds, which is named as ours are.
      expect(first.lines[0]).toMatch(/^locks\/a\/[0-9a-f]+$/)
      const acquiring = mutex.acquire()
      await keys(2)
      const third = etcdctl(ctl.path, server, ['lock', 'locks/a'])
      await keys(3)
      // Further contenders of one session have a suffix, for which etcdctl waits as well.
      const fourth = mutex.acquire()
      await keys(4)
      const fifth = etcdctl(ctl.path, server, ['lock', 'locks/a'])
      await keys(5)
      expect(await mutex.tryAcquire()).toBeUndefined()
      expect(await isPending(acquiring)).toBe(true)
      first.interrupt()
      const second = await acquiring
      expect([third.lines, await isPending(fourth)]).toEqual([[], true])
      await second.release()
      await waitFor(() => third.lines.length === 1)
      expect([await isPending(fourth), fifth.lines]).toEqual([true, []])
      third.interrupt()
      const lock = await fourth
      expect([lock.key.includes('.'), fifth.lines]).toEqual([true, []])
      await lock.verify()
      await lock.release()
      await waitFor(() => fifth.lines.length === 1)
      fifth.interrupt()
      await waitFor(() => fifth.hasEnded)
      await keys(0)
    })

    it('gets the lock of an etcdctl that was killed, when its lease has expired', async () => {
      const server = await etcd.start()
      const client = connect(server.endpoint)
      const mutex = createMutex(await open(client), 'locks/a')
      const holder = etcdctl(ctl.path, server, ['lock', '--ttl', '2', 'locks/a'])
      await waitFor(() => holder.lines.length === 1)
      const acquiring = mutex.acquire()
      await waitFor(async () => (await keysOf(client, 'locks/a/')).length === 2)
      holder.kill()
      const lock = await acquiring
      await lock.verify()
      expect(await keysOf(client, 'locks/a/')).toEqual([lock.key])
    })

    it('elects one leader among Node and etcdctl elect, who see each other', async () => {
      const server = await etcd.start()
      const client = connect(server.endpoint)
      const election = createElection(await open(client), 'elections/a')
      await using view = await openElectionView(client, 'elections/a')
      const leader = () => String(view.leader?.value)
      const observer = etcdctl(ctl.path, server, ['elect', '--listen', 'elections/a'])
      const leadership = await election.campaign('node')
      const go = etcdctl(ctl.path, server, ['elect', 'elections/a', 'go'])
      await waitFor(() => view.candidates.length === 2)
      await waitFor(() => observer.lines.includes('node'))
      await leadership.proclaim('node 2')
      await waitFor(() => observer.lines.includes('node 2') && leader() === 'node 2')
      expect(go.lines).toEqual([])
      const again = election.campaign('node 3')
      await waitFor(() => view.candidates.length === 3)
      await leadership.resign()
      await waitFor(() => go.lines.includes('go'))
      await waitFor(() => leader() === 'go')
      expect(await isPending(again)).toBe(true)
      go.interrupt()
      expect((await again).isHeld).toBe(true)
      await waitFor(() => observer.lines.includes('node 3'))
    })
  })
})
