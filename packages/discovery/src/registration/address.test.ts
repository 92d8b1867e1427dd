import { expect, test } from 'vitest'
import { advertisedAddress, type AddressQuestion } from './address.ts'

const local = ['http://127.0.0.1:2379']
const remote = ['http://192.0.2.1:2379']
const any = { address: '::', port: 8080 }

function ask(question: Partial<AddressQuestion>): Promise<string> {
  return advertisedAddress({ advertise: undefined, env: {}, bound: any, etcdEndpoints: local, ...question })
}

test.each<[string, Partial<AddressQuestion>, string]>([
  [
    'advertise before all else',
    { advertise: { host: 'a.example', port: 1 }, env: { LIVETREE_ADVERTISE: 'b:2' } },
    'a.example:1',
  ],
  [
    'advertise without a port',
    { advertise: { host: 'a.example' }, env: { LIVETREE_ADVERTISE: 'b:2' } },
    'a.example:8080',
  ],
  [
    'LIVETREE_ADVERTISE with a port',
    { env: { LIVETREE_ADVERTISE: 'b.example:2', POD_IP: '10.0.0.1' } },
    'b.example:2',
  ],
  ['LIVETREE_ADVERTISE without one', { env: { LIVETREE_ADVERTISE: '10.0.0.9' } }, '10.0.0.9:8080'],
  ['LIVETREE_ADVERTISE with IPv6', { env: { LIVETREE_ADVERTISE: '2001:db8::1' } }, '[2001:db8::1]:8080'],
  [
    'LIVETREE_ADVERTISE with IPv6 and a port',
    { env: { LIVETREE_ADVERTISE: '[2001:db8::1]:9' } },
    '[2001:db8::1]:9',
  ],
  ['POD_IP', { env: { POD_IP: '10.0.0.1', LIVETREE_ADVERTISE: '' } }, '10.0.0.1:8080'],
  ['the address that the server is bound to', { bound: { address: '10.1.1.1', port: 7 } }, '10.1.1.1:7'],
  ['the route towards etcd', {}, '127.0.0.1:8080'],
  ['the address of a URL', { advertise: { host: '0xA.1' } }, '10.0.0.1:8080'],
  ['loopback in another spelling', { advertise: { host: 'LocalHost' } }, 'localhost:8080'],
  [
    'loopback, if the client dials etcd on its own host',
    { bound: { address: '127.0.0.1', port: 7 }, etcdEndpoints: ['http://0.0.0.0:2379'] },
    '127.0.0.1:7',
  ],
  [
    'the route, if the server is bound to each address in another spelling',
    { bound: { address: '::ffff:0.0.0.0', port: 7 } },
    '127.0.0.1:7',
  ],
  ['the port of advertise with the route', { advertise: { port: 30_080 } }, '127.0.0.1:30080'],
])('the address is %s', async (_, question, address) => {
  expect(await ask(question)).toBe(address)
})

test.each<[string, Partial<AddressQuestion>]>([
  ['loopback while etcd is elsewhere', { bound: { address: '127.0.0.1', port: 1 }, etcdEndpoints: remote }],
  ['the whole network of loopback', { advertise: { host: '127.8.8.8' }, etcdEndpoints: remote }],
  ['IPv6 loopback', { advertise: { host: '::1' }, etcdEndpoints: remote }],
  ['IPv4 loopback in IPv6', { advertise: { host: '::ffff:127.0.0.1' }, etcdEndpoints: remote }],
  ['localhost', { advertise: { host: 'localhost' }, etcdEndpoints: remote }],
  ...['127.1', '2130706433', 'Localhost', 'localhost.', 'a.LOCALHOST.', '0:0:0:0:0:0:0:1'].map(
    (host): [string, Partial<AddressQuestion>] => [
      `loopback as ${host}`,
      { advertise: { host }, etcdEndpoints: remote },
    ],
  ),
  ...['0.0.0.0', '0', '0x0.0', '::', '0::0', '::ffff:0.0.0.0'].flatMap(
    (host): [string, Partial<AddressQuestion>][] => [
      [`the unspecified address as ${host}`, { advertise: { host } }],
      [`the unspecified address as POD_IP ${host}`, { env: { POD_IP: host } }],
      [`the unspecified address as LIVETREE_ADVERTISE ${host}`, { env: { LIVETREE_ADVERTISE: host } }],
    ],
  ),
  ['no port', { bound: undefined, advertise: { host: '10.0.0.1' } }],
  ['a route that is not there', { etcdEndpoints: ['http://nowhere.invalid:1'] }],
  ['an environment that is no address', { env: { LIVETREE_ADVERTISE: 'a b' } }],
])('%s is refused', async (_, question) => {
  await expect(ask(question)).rejects.toMatchObject({ code: 'unreachable_address' })
})
