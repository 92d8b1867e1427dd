import { describe, expect, test } from 'vitest'
import { type EndpointRecord, plainRecord } from './endpoint-record.ts'
import { decodeGoZeroRecord, decodeKratosRecord } from './foreign-records.ts'
import { decodeGoRecord, encodeGoRecord } from './go-record.ts'
import { layoutOf } from './layout.ts'
import { SERVICE_NAME } from './service-name.ts'

const full: EndpointRecord = {
  id: 'host-1',
  address: '10.0.3.7:8080',
  protocol: 'http',
  zone: 'eu-1',
  version: '1.2.3',
  weight: 50,
  isLeaving: false,
  labels: { shard: 3 },
}

describe('F10 the layout of Go', () => {
  test('is written byte for byte as Go writes its struct, with metadata that Go can compare', () => {
    expect(encodeGoRecord(plainRecord('a', '10.0.3.7:8080'))).toBe(
      String.raw`{"Op":0,"Addr":"10.0.3.7:8080","Metadata":"{\"id\":\"a\",\"weight\":100,\"labels\":{}}"}`,
    )
    const { Metadata } = JSON.parse(encodeGoRecord(full))
    expect(typeof Metadata, 'grpc-go panics when it compares a map').toBe('string')
    expect(JSON.parse(Metadata)).toEqual({
      id: 'host-1',
      protocol: 'http',
      zone: 'eu-1',
      version: '1.2.3',
      weight: 50,
      labels: { shard: 3 },
    })
  })

  test('is read as it was written, leaving or not', () => {
    for (const record of [full, { ...full, isLeaving: true, address: '[2001:db8::1]:80' }]) {
      expect(decodeGoRecord('other', encodeGoRecord(record))).toEqual({ type: 'record', record })
    }
  })

  test.each([
    ['with null, as AddEndpoint without metadata', '{"Op":0,"Addr":"10.0.0.1:80","Metadata":null}'],
    ['without Metadata', '{"Op":0,"Addr":"10.0.0.1:80"}'],
    ['with the metadata of another program', '{"Op":0,"Addr":"10.0.0.1:80","Metadata":"blue"}'],
    [
      'with fields of another type',
      '{"Addr":"10.0.0.1:80","Metadata":{"id":7,"zone":[],"weight":"heavy","protocol":"ftp","leaving":"no"}}',
    ],
  ])('is read %s', (_, value) => {
    expect(decodeGoRecord('10.0.0.1:80', value)).toEqual({
      type: 'record',
      record: plainRecord('10.0.0.1:80', '10.0.0.1:80'),
    })
  })

  test('is read with metadata as an object too', () => {
    const value = '{"Op":0,"Addr":"a.b:1","Metadata":{"id":"x","zone":"eu","weight":0,"leaving":true}}'
    expect(decodeGoRecord('k', value)).toEqual({
      type: 'record',
      record: { ...plainRecord('x', 'a.b:1'), zone: 'eu', weight: 0, isLeaving: true },
    })
  })

  test.each([
    '',
    'null',
    '[]',
    '"a"',
    '{',
    '{"Op":1,"Addr":"a:1"}',
    '{"Op":"0","Addr":"a:1"}',
    '{}',
    '{"Addr":7}',
  ])('leaves out %j', (value) => expect(decodeGoRecord('k', value).type).toBe('invalid'))

  test.each([
    'a',
    ':80',
    'a:',
    'a:0',
    'a:65536',
    'a:1:2',
    '::1:80',
    '[::1]',
    'a b:1',
    'a/b:1',
    'a:80/x',
    '@a:1',
    `${'a'.repeat(400)}:1`,
    '[:::]:1',
  ])('leaves out the address %j', (address) =>
    expect(decodeGoRecord('k', JSON.stringify({ Addr: address })).type).toBe('invalid'),
  )
})

describe('foreign layouts', () => {
  test('go-zero: the lease in decimal, the plain address', () => {
    const record = plainRecord('7587872', '10.0.0.1:8080')
    expect(decodeGoZeroRecord('7587872', '10.0.0.1:8080')).toEqual({ type: 'record', record })
    expect(decodeGoZeroRecord('orders-1', '10.0.0.1:8080').type).toBe('invalid')
    expect(decodeGoZeroRecord('7587872', '{}').type).toBe('invalid')
  })

  test('kratos: the first endpoint of HTTP, else of gRPC', () => {
    const value = (...endpoints: unknown[]) =>
      JSON.stringify({ id: 'i', name: 'orders', version: 'v1', metadata: { a: 'b' }, endpoints })
    const record = {
      ...plainRecord('i', '10.0.0.1:8000'),
      protocol: 'http',
      version: 'v1',
      labels: { a: 'b' },
    }
    expect(
      decodeKratosRecord('i', value('grpc://10.0.0.1:9000', 'http://10.0.0.1:8000?isSecure=false')),
    ).toEqual({
      type: 'record',
      record,
    })
    expect(decodeKratosRecord('i', value('http://10.0.0.1:8000?isSecure=true'))).toMatchObject({
      record: { protocol: 'https' },
    })
    expect(decodeKratosRecord('i', value('grpc://10.0.0.1:9000'))).toMatchObject({
      record: { protocol: 'grpc', address: '10.0.0.1:9000' },
    })
    for (const broken of ['[]', '{}', value(), value(7, 'ftp://a:1', 'nothing'), 'x']) {
      expect(decodeKratosRecord('i', broken).type).toBe('invalid')
    }
  })
})

test.each<[string, (address: string) => unknown]>([
  ['Go', (address) => decodeGoRecord('k', JSON.stringify({ Addr: address }))],
  ['go-zero', (address) => decodeGoZeroRecord('7', address)],
  ['kratos', (address) => decodeKratosRecord('k', JSON.stringify({ endpoints: [`grpc://${address}`] }))],
])('%s: spellings of one address are one, and the unspecified one is left out', (_, decode) => {
  const one = { type: 'record', record: { address: '127.0.0.1:80' } }
  for (const address of ['127.1:80', '2130706433:00080']) expect(decode(address)).toMatchObject(one)
  for (const address of ['0.0.0.0:80', '0:80', '[::]:80'])
    expect(decode(address)).toMatchObject({ type: 'invalid' })
})

test.each(['orders', 'billing.orders', 'a', 'a1-b.2'])('%s is a service name', (name) => {
  expect(SERVICE_NAME.accepts(name)).toBe(true)
})

test.each([
  '',
  'a/b',
  'Orders',
  '-a',
  'a-',
  'a..b',
  '.a',
  'a_b',
  'ä',
  'a b',
  `${'a'.repeat(64)}`,
  7,
  undefined,
])('%j is no service name', (name) => expect(SERVICE_NAME.accepts(name)).toBe(false))

test('a prefix ends in a slash, and does not start with one where Go would look elsewhere', () => {
  expect(layoutOf('services/', 'go').prefix).toBe('services/')
  expect(layoutOf('/microservices/', 'kratos').prefix).toBe('/microservices/')
  expect(() => layoutOf('services', 'go')).toThrow(/ends in/)
  expect(() => layoutOf('/services/', 'go')).toThrow(/starts with a slash/)
})
