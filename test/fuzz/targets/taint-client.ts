import { inspect } from 'node:util'
import fc from 'fast-check'
import * as z from 'zod'
import { defineConfig, secret } from '../../../packages/core/src/index.ts'
import {
  createEtcdClient,
  type EtcdClient,
  type EtcdClientOptions,
} from '../../../packages/etcd/src/index.ts'
import {
  type FakeCall,
  type FakeServer,
  startFakeServer,
} from '../../../packages/etcd/src/transport/fake-server.test.kit.ts'
import * as wire from '../../../packages/etcd/src/wire/index.ts'
import { etcd } from '../../../packages/livetree/src/index.ts'
import { freePorts } from '../../support/free-ports.ts'
import { type FuzzTarget, fuzzTarget } from '../fuzz-target.ts'
import { OutputRecorder } from '../output-recorder.ts'
import { type PlantedSecret, plantedSecret } from '../planted-secret.ts'

/** How the server treats a call; it never repeats what it was told. */
const MANNERS = ['serve', 'token', 'password', 'permission', 'exists', 'garbage', 'drop', 'html'] as const
type Manner = (typeof MANNERS)[number]

const REFUSALS: Partial<Record<Manner, readonly [number, string]>> = {
  token: [16, 'etcdserver: invalid auth token'],
  password: [3, 'etcdserver: authentication failed, invalid user ID or password'],
  permission: [7, 'etcdserver: permission denied'],
  exists: [9, 'etcdserver: user name already exists'],
}

interface ClientCase {
  readonly password: PlantedSecret
  readonly token: PlantedSecret
  readonly value: PlantedSecret
  readonly isClosed: boolean
  readonly login: Manner
  readonly call: Manner
  /** Where else in the options a secret is by mistake. */
  readonly mistake: Mistake
}

type Mistake = (secret: string) => Partial<Record<keyof EtcdClientOptions | 'passwrod', unknown>>

const PEM = (text: string) => `-----BEGIN PRIVATE KEY-----\n${text}\n-----END PRIVATE KEY-----\n`

const MISTAKES: readonly Mistake[] = [
  (text) => ({ endpoints: `http://root:${text}@127.0.0.1:2379` }),
  (text) => ({ endpoints: [`http://${encodeURIComponent(text)}@127.0.0.1:x`] }),
  (text) => ({ endpoints: `root:${encodeURIComponent(text)}@127.0.0.1` }),
  (text) => ({
    endpoints: 'https://127.0.0.1:2379',
    tls: { key: PEM(text), cert: PEM(text), ca: PEM(text) },
  }),
  (text) => ({ endpoints: 'https://127.0.0.1:2379', tls: { key: text, cert: text } }),
  (text) => ({
    endpoints: 'https://127.0.0.1:2379',
    tls: { key: PEM('AAAA'), cert: PEM('AAAA'), passphrase: text },
  }),
  (text) => ({ auth: { username: '', password: text } }),
  (text) => ({ auth: { username: 'root', password: [text] } }),
  (text) => ({ auth: { username: 'root', passwrod: text } }),
  (text) => ({ auth: text }),
  (text) => ({ auth: [text] }),
  (text) => ({ passwrod: text }),
]

const tokenText = plantedSecret.map(({ token }) => ({ value: token, token }))
const textSecret = plantedSecret.map(({ value, token }) => ({ value: String(value), token }))

const arbitraryCase: fc.Arbitrary<ClientCase> = fc.record({
  password: textSecret,
  token: tokenText,
  value: textSecret,
  isClosed: fc.nat(9).map((chance) => chance === 0),
  login: fc.oneof({ weight: 2, arbitrary: fc.constant('serve' as const) }, fc.constantFrom(...MANNERS)),
  call: fc.constantFrom(...MANNERS),
  mistake: fc.constantFrom(...MISTAKES),
})

interface Peer {
  readonly server: FakeServer
  readonly closedEndpoint: string
  readonly script: { given: ClientCase | undefined }
}

const HEADER = { clusterId: 1n, memberId: 2n, revision: 5, raftTerm: 3 }

function answer(call: FakeCall, { token, value, login, call: manner }: ClientCase): void {
  const isLogin = call.name === 'Auth/Authenticate'
  const chosen = isLogin ? login : manner
  const refusal = REFUSALS[chosen]
  if (refusal !== undefined) call.refuse(...refusal)
  else if (chosen === 'drop') call.session.destroy()
  else if (chosen === 'garbage') call.answer(Buffer.from('0000000003ffffff', 'hex'))
  else if (chosen === 'html') {
    call.stream.respond({ ':status': 503, 'content-type': 'text/html' })
    call.stream.end('<html>not here</html>')
  } else if (isLogin) {
    call.answer(wire.encodeFrame(wire.AuthenticateResponse, { header: HEADER, token: String(token.value) }))
  } else if (call.name === 'KV/Range') {
    const kvs = [
      { key: '/c/password', value: String(value.value), modRevision: 4, createRevision: 4, version: 1 },
    ]
    call.answer(wire.encodeFrame(wire.RangeResponse, { header: HEADER, kvs, count: 1 }))
  } else call.answer(Buffer.alloc(5))
}

async function useClient(client: EtcdClient, { password, value }: ClientCase, recorder: OutputRecorder) {
  const { kv, authAdmin } = client
  const calls: readonly (() => Promise<unknown>)[] = [
    () => kv.put('/c/password', String(value.value)),
    () => authAdmin.users.add('u', { password: String(password.value) }),
    () => authAdmin.users.changePassword('u', String(password.value)),
    () => client.channel.refreshToken(),
    () => kv.get('/c/missing/get'),
  ]
  const show = () =>
    recorder.show('the client', client, client.channel, client.kv, client.watch, client.authAdmin)
  await Promise.all(
    calls.map((call) =>
      call().then(
        () => undefined,
        (error: unknown) => recorder.show('a call fails', error),
      ),
    ),
  )
  show()
  await client.close()
  show()
}

async function useSource(options: EtcdClientOptions, recorder: OutputRecorder): Promise<void> {
  const source = etcd({ ...options, root: '/c' } as Parameters<typeof etcd>[0])
  recorder.show('the source', source)
  const schema = z.object({ password: secret(z.string().min(3)).optional(), pool: z.number().default(5) })
  const load = defineConfig({ name: 'taint', schema }).load({
    sources: [source],
    startup: { timeoutMs: 60, onUnavailable: 'defaults' },
    logger: recorder.logger,
  })
  const config = await load.catch((error: unknown) => recorder.show('load rejects', error))
  if (config === undefined) return
  for (const name of ['rejected', 'stale', 'error'] as const) {
    config.on(name, (event: unknown) => recorder.show(`event ${name}`, event))
  }
  await config.refresh({ timeoutMs: 20 }).catch((error: unknown) => recorder.show('refresh', error))
  recorder.show('the configuration', config, config.status, config.health, config.explain('password'))
  await config.close()
}

export const clientTaints: readonly FuzzTarget[] = [
  fuzzTarget({
    name: 'taint-client',
    what: 'passwords, tokens, keys and stored secrets in an etcd client and source, whose server refuses calls, disconnects or sends invalid data, and in wrong places of the options: none of them in errors, causes, logs, events, `inspect` or JSON',
    shortCases: 10,
    weight: 0.2,
    mostCases: 1_500,
    input: arbitraryCase,
    async open(): Promise<Peer> {
      const script: Peer['script'] = { given: undefined }
      const server = await startFakeServer((call) => answer(call, script.given!))
      const [port] = await freePorts(1)
      return { server, script, closedEndpoint: `http://127.0.0.1:${port}` }
    },
    close: ({ server }) => server.close(),
    async check(given, { server, script, closedEndpoint }) {
      script.given = given
      server.calls.length = 0
      const recorder = new OutputRecorder()
      const { password, token, value, isClosed } = given
      const good: EtcdClientOptions = {
        endpoints: isClosed ? closedEndpoint : server.endpoint,
        auth: { username: 'root', password: String(password.value) },
        timeouts: { callMs: 60, attemptMs: 30, pingIntervalMs: 0 },
        backoff: { minMs: 1, maxMs: 2 },
      }
      try {
        const wrong = { ...good, ...given.mistake(String(password.value)) } as EtcdClientOptions
        await createEtcdClient(wrong).close()
      } catch (error) {
        recorder.show('createEtcdClient', error, inspect(error, { showHidden: true }))
      }
      await useClient(createEtcdClient({ ...good, logger: recorder.logger }), given, recorder)
      await useSource(good, recorder)
      recorder.assertClean([password, token, value])
    },
  }),
]
