import { expect, test } from 'vitest'
import { readAddress } from './endpoint-address.ts'

test.each([
  [
    '10.0.3.7:8080',
    ['10.0.3.7:08080', '10.0.775:8080', '167772935:8080', '0xa.0.3.7:8080', '[::ffff:10.0.3.7]:8080'],
  ],
  ['127.0.0.1:80', ['127.1:80', '127.1:00080', '2130706433:80', '[::FFFF:7f00:1]:80']],
  ['orders.example:80', ['Orders.Example:80', 'ORDERS.EXAMPLE:0080']],
  ['[2001:db8::1]:80', ['[2001:DB8:0:0:0:0:0:1]:80', '[2001:0db8::0001]:00080']],
  ['my_host-1.internal:443', ['MY_host-1.internal:443']],
])('%s is one address in all its spellings', (address, others) => {
  for (const text of [address, ...others])
    expect(readAddress(text), text).toEqual({ type: 'address', address })
})

test.each([
  ['0.0.0.0:80'],
  ['0:80'],
  ['0x0:80'],
  ['0.0:80'],
  ['[::]:80'],
  ['[0:0:0:0:0:0:0:0]:80'],
  ['[::0.0.0.0]:80'],
  ['[::ffff:0.0.0.0]:80'],
])('%s is the unspecified address, at which nobody else is reached', (text) => {
  expect(readAddress(text)).toMatchObject({ problem: expect.stringMatching(/unspecified/) })
})

test.each([
  ['a'],
  [':80'],
  ['a:0'],
  ['a:65536'],
  ['[a]:1'],
  ['[127.0.0.1]:1'],
  ['a@b:1'],
  ['1.2.3.4.5:1'],
  ['a\n:1'],
  [7],
  [undefined],
])('%j is no address', (text) => {
  expect(readAddress(text)).toEqual({ type: 'invalid', problem: 'is not host:port' })
})
