import { copyFileSync } from 'node:fs'
import { waitFor } from '../../support/wait-for.ts'
import type { Scenario } from './scenario.ts'

/**
 * Passwords that are quick to check. Dozens of clients log in at once, etcd checks one password after the
 * other, and at its usual cost the last of them would be done after the first one's token has run out again.
 */
const quickPasswords = '--bcrypt-cost=4'

/** Tokens run out, and members forget them. */
export const expiringTokens: Scenario = {
  name: 'expiring-tokens',
  about: 'auth is on, tokens live for 2 s, connections are cut and a member is killed meanwhile',
  settings: { auth: 'on', args: ['--auth-token-ttl=2', quickPasswords] },
  async run({ routes, members, writers, last, scaled }, random) {
    for (let round = 0; round < scaled(2, 8); round += 1) {
      const route = random.pick(routes)
      await route.leave()
      // longer than a token lives, so that the one they come back with is not good any more
      await last(2_500, scaled(3_000, 6_000))
      await route.heal()
      if (round % 2 === 1) await random.pick(members).kill()
      await writers.written(random.between(5, 40))
      for (const member of members) if (member.pid === undefined) await member.restart()
      for (const each of routes) each.cutAll()
      await writers.written(random.between(5, 40))
    }
  },
}

/** Auth is switched on under everybody, off and on again, and permissions change. */
export const authSwitchedOn: Scenario = {
  name: 'auth-switched-on',
  about:
    'auth is enabled while everything runs, then disabled and enabled again; clients have credentials throughout',
  settings: { auth: 'later', args: [quickPasswords] },
  async run({ cluster, members, routes, writers, enableAuth, last, scaled }, random) {
    await enableAuth()
    await writers.written(20)
    for (let round = 0; round < scaled(1, 5); round += 1) {
      for (const route of routes) if (random.chance(0.7)) route.cutAll()
      await last(0, 1_000)
      // every change of users makes the tokens that are out there old
      await members[0]!.etcdctl(['user', 'add', `someone-${round}:password`])
      await writers.written(random.between(5, 40))
      await members[0]!.etcdctl(['auth', 'disable'])
      await writers.written(random.between(1, 20))
      if (random.chance(0.5)) random.pick(routes).cutAll()
      await waitFor(() => members[0]!.etcdctl(['auth', 'enable']).then(() => true), {
        timeoutMs: 30_000,
        what: `auth to be on again in ${cluster.version}`,
      })
      await writers.written(random.between(5, 40))
    }
  },
}

/** The members get new certificates, one after the other, by the same authority, and so do the clients. */
export const rotatedCertificates: Scenario = {
  name: 'rotated-certificates',
  about:
    'members serve over TLS and, one after the other, restart with new certificates of the same authority; the clients receive new ones, too',
  settings: { tls: true },
  async run({ members, certificates, routes, writers, scaled }, random) {
    for (let round = 0; round < scaled(1, 3); round += 1) {
      const { cert, key } = await certificates!.makeServer()
      const renewed = await certificates!.makeClient('root')
      copyFileSync(renewed.cert, certificates!.client.cert)
      copyFileSync(renewed.key, certificates!.client.key)
      for (const [index, member] of random.shuffle(members).entries()) {
        await member.kill()
        // the members share their files; they are read again at each handshake, so both halves change while
        // none starts
        if (index === 0) {
          copyFileSync(cert, certificates!.server.cert)
          copyFileSync(key, certificates!.server.key)
        }
        await member.restart()
        for (const route of routes) if (random.chance(0.3)) route.cutAll()
        await writers.written(random.between(5, 30))
      }
    }
  },
}
