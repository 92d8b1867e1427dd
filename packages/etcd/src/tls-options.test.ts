import { generateKeyPairSync } from 'node:crypto'
import { rootCertificates } from 'node:tls'
import { describe, expect, test, vi } from 'vitest'
import { createEtcdClient } from './client.ts'
import { type Logger, silentLogger } from './logger.ts'
import { type TlsOptions, tlsSource } from './tls-options.ts'

function key() {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  })
}

const ENDPOINTS = ['https://a:2379']

describe('certificates of a client', () => {
  test('as an object they stay the same', () => {
    const source = tlsSource({ servername: 'a' }, { endpoints: ENDPOINTS, logger: silentLogger })
    expect(source?.()).toEqual({ servername: 'a', rejectUnauthorized: true })
    expect(source?.()).toBe(source?.())
    expect(tlsSource(undefined, { endpoints: ENDPOINTS, logger: silentLogger })).toBeUndefined()
  })

  test('as a function they are another object only when something has changed', () => {
    let given: TlsOptions = { servername: 'a' }
    const source = tlsSource(() => ({ ...given }), { endpoints: ENDPOINTS, logger: silentLogger })!
    const before = source()
    expect(source()).toBe(before)
    given = { servername: 'b' }
    expect(source()).toEqual({ servername: 'b', rejectUnauthorized: true })
    expect(source()).not.toBe(before)
  })

  test('as a function that writes the new ones into the same buffer they are another object, too', () => {
    const length = Math.max(...rootCertificates.slice(0, 2).map((each) => each.length))
    const ca = Buffer.from(rootCertificates[0]!.padEnd(length, '\n'))
    const source = tlsSource(() => ({ ca }), { endpoints: ENDPOINTS, logger: silentLogger })!
    const before = source()
    expect(source()).toBe(before)
    ca.write(rootCertificates[1]!.padEnd(length, '\n'))
    expect(source()).not.toBe(before)
    expect([before.ca, source().ca].flat().map((each) => String(each).trim())).toEqual(
      rootCertificates.slice(0, 2).map((each) => each.trim()),
    )
  })

  test('what cannot be used later leaves the last ones in use, and is reported once', () => {
    let give = (): TlsOptions => ({ servername: 'a' })
    const warn = vi.fn<Logger['warn']>()
    const source = tlsSource(() => give(), { endpoints: ENDPOINTS, logger: { ...silentLogger, warn } })!
    const before = source()
    give = () => {
      throw new Error('ENOENT')
    }
    expect(source()).toBe(before)
    expect(source()).toBe(before)
    expect(warn).toHaveBeenCalledTimes(1)
    give = () => ({ cert: '-----BEGIN CERTIFICATE-----', key: key() as string })
    expect(source()).toBe(before)
    give = () => ({ servername: 'b' })
    expect(source().servername).toBe('b')
    give = () => ({ key: key() as string })
    expect(source().servername).toBe('b')
    expect(warn).toHaveBeenCalledTimes(2)
    expect(warn.mock.calls[1]?.[1]).toMatchObject({ error: { what: expect.stringContaining('go together') } })
  })

  test.each([
    [() => ({ ca: '/etc/ca.pem' }), 'tls.ca is not PEM text'],
    [() => ({ certificate: 'x' }), 'there is no option tls.certificate'],
    [async () => ({}), 'tls() did not return the certificates'],
    // Nobody waits for it, and it must not end the process.
    [async () => Promise.reject(new Error('no such file')), 'tls() did not return the certificates'],
    [() => undefined, 'tls() did not return the certificates'],
  ])('%s is refused at the start', (tls, what) => {
    expect(() => tlsSource(tls as () => TlsOptions, { endpoints: ENDPOINTS, logger: silentLogger })).toThrow(
      what,
    )
  })

  test('what the function itself throws at the start is said to its caller, as thrown by it', () => {
    const cause = new Error('no such file')
    const tls = () => {
      throw cause
    }
    const open = () => createEtcdClient({ endpoints: ENDPOINTS, tls })
    expect(open).toThrow(
      expect.objectContaining({
        code: 'invalid_option',
        what: 'tls() threw an error, which is the cause',
        cause,
      }),
    )
  })
})
